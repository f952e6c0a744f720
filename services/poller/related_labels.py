"""The words that announce links to other articles, language by language.

A vocabulary and nothing else: `related` decides what they mean for a line. An entry is a
regular expression, matched without regard to case.
"""

# The start of the line suffices: whoever begins so, points elsewhere.
CERTAIN = (
    # English
    r"read more (?:about|on|from|at) (?!th(?:is|at|ese|ose)\b|it\b)\w+",
    r"click here (?:for|to (?:read|see|watch|view|get|learn|listen|subscribe|sign))",
    # German, Dutch, Scandinavian, Finnish
    r"lesen sie (?:auch|dazu|hierzu|mehr)",
    r"das könnte sie auch interessieren",
    r"lees (?:ook|verder)",
    r"(?:bekijk|zie) ook",
    r"läs (?:också|även|mer)",
    r"(?:les|læs) (?:også|mere?|videre)",
    r"lue (?:myös|lisää)",
    # French
    r"(?:à |a )?lire (?:aussi|également|encore)",
    r"(?:à |a )?voir (?:aussi|également)",
    # Spanish, Portuguese, Italian, Romanian
    r"le[ae]r? (?:también|además|más)",
    r"(?:también )?[lt]e puede interesar",
    r"(?:mir[ae]|ve[ar]?) también",
    r"(?:leia|veja) (?:também|mais|ainda)",
    r"leggi (?:anche|di più)",
    r"(?:vedi|guarda) anche",
    r"(?:potrebbe interessarti|ti potrebbe(?:ro)? interessare)",
    r"cite[sșş]te [sșş]i",
    # Slavic
    r"(?:prze)?czytaj (?:też|także|również|więcej)",
    r"zobacz (?:też|także|również)",
    r"čtěte (?:také|též)",
    r"чита(?:йте|ть) (?:также|ещ[её]|далее)",
    r"смотрите также",
    r"(?:читайте|дивіться) також",
    r"також читайте",
    r"прочетете още",
    # Greek, Turkish, Arabic, Persian, Urdu, Hebrew
    r"διαβάστε (?:επίσης|ακόμ[αη])",
    r"δείτε (?:επίσης|ακόμ[αη])",
    r"[اإ]قر[أا] (?:[أا]يض[\u0627\u064b]*|المزيد)",
    r"شاهد [أا]يض[\u0627\u064b]*",
    r"(?:بیشتر|همچنین) بخوانید",
    r"(?:یہ بھی|مزید) پڑھیں",
    r"(?:קראו|קרא|ראו) (?:גם|עוד)",
    # Hindi, Bengali, Indonesian, Vietnamese, Swahili
    r"(?:यह|ये|इसे) भी (?:पढ़ें|पढ़ें|देखें)",
    r"আরও পড়ুন",
    r"(?:baca|lihat|simak) juga",
    r"soma (?:pia|zaidi)",
)

# These also begin honest sentences: only before a colon (or its like), or alone.
BEFORE_COLON = (
    # English
    r"(?:also )?read",
    r"read (?:more|next|also|on|this(?: next)?|here|now|the (?:full )?(?:story|article|report))",
    r"read (?:more )?(?:about|on) (?:this|it)(?: (?:story|topic|here))?",
    r"(?:see (?:also|more)|also see)",
    r"more",
    r"more (?:to read|details|info(?:rmation)?|stories|news|coverage|reading)",
    r"more (?:on|about|from|in)",
    r"more (?:on|about) th(?:is|e) (?:story|topic|subject)",
    r"more (?:stories )?like this",
    r"(?:explore|discover) more",
    r"(?:go|dig) deeper",
    r"keep reading",
    r"check (?:this |it )?out",
    r"full (?:story|coverage|report)",
    r"read the (?:full|whole|original) (?:story|article|report|post) (?:here|on \w+)",
    r"in other news",
    r"(?:next|previous) (?:article|story|post)",
    r"suggested",
    r"more on this",
    r"further reading",
    r"find out more",
    r"learn more",
    r"related",
    r"recommended",
    r"don['’]?t miss",
    r"must[- ](?:read|see|watch)",
    r"icymi",
    r"in case you missed it",
    r"(?:watch|listen)(?: (?:now|live|more|also|here|next|this|below|to this))?",
    r"(?:photos|video|audio|podcast|gallery|pictures|slideshow|infographic)",
    r"in (?:pictures|photos|video)",
    r"click (?:here|to (?:read|see|watch))(?: (?:for|to) (?:more|read more))?",
    r"continue reading",
    r"from (?:the|our) archives?",
    # other languages
    r"mehr (?:dazu|zum thema|lesen)",
    r"(?:weiterlesen|lesetipp|siehe auch|zum thema|auch interessant|lesen sie hier)",
    r"(?:en savoir plus|pour aller plus loin|sur le même sujet|notre dossier)",
    r"(?:más información|para saber más|lea|lee|vea|relacionado)",
    r"(?:saiba mais|leia)",
    r"(?:per approfondire|per saperne di più|leggi)",
    r"lees (?:meer)?",
    r"(?:więcej|polecamy|czytaj|viz také|přečtěte si|kapcsolódó)",
    r"(?:подробнее|по теме|материалы по теме|см\. также|детальніше|вижте още)",
    r"(?:ilgili haber(?:ler)?|ayrıca bakınız|haberin devamı)",
    r"(?:xem thêm|đọc thêm)",
    r"(?:อ่านเพิ่มเติม|อ่านต่อ|ข่าวที่เกี่ยวข้อง)",
    r"(?:延伸阅读|延伸閱讀|相关阅读|相關閱讀|相关新闻|相關新聞|相关报道|推荐阅读|阅读更多|更多阅读|点击阅读)",
    r"(?:関連記事|関連ニュース|あわせて読みたい|続きを読む|もっと読む)",
    r"(?:관련 ?기사|관련 ?뉴스|함께 보기|더 보기)",
    r"(?:مواضيع|أخبار|مقالات) ذات صلة",
    r"(?:مطالب مرتبط|כתבות נוספות)",
)

# Headings of boxes with a list of links. They count as the whole line only.
SECTIONS = (
    r"related (?:stor(?:y|ies)|articles?|content|coverage|news|reading|links?|topics?|videos?"
    r"|posts?|reports?|items?)",
    r"recommended (?:reading|stories|articles|videos?|for you)",
    r"you (?:may|might) (?:also )?(?:like|enjoy|be interested in|want to read)",
    r"(?:the )?most (?:read|popular|viewed|shared|commented|watched|recent)"
    r"(?: (?:stories|articles|news|(?:in|on) (?:\w+ ?){1,4}))?",
    r"(?:the )?editor['’]?s?['’]? (?:choice|picks?)",
    r"(?:top|other|latest|more|popular|trending|featured|today['’]s top) (?:stories|news|headlines"
    r"|articles|videos)",
    r"trending(?: now)?",
    r"(?:popular|latest|new) (?:now|on \w+|posts)",
    r"what to read next",
    r"read next",
    r"up next",
    r"(?:similar|suggested) (?:stories|articles|posts|reading|reads)",
    r"top reads?",
    r"(?:stories|articles|news) you (?:may|might) (?:like|enjoy|have missed)",
    r"elsewhere on the web",
    r"more (?:[\w-]+ ){1,2}(?:news|stories|headlines|articles|coverage)",
    r"other (?:stories|articles) by (?:this|the same) (?:author|writer)",
    r"related tags",
    r"around the web",
    r"from (?:around|across) the web",
    r"promoted (?:stories|content|links)",
    r"sponsored (?:stories|content|links)",
    r"meistgelesen(?:e artikel)?",
    r"(?:weitere|ähnliche|verwandte) (?:artikel|themen|beiträge|meldungen)",
    r"(?:les|articles) (?:plus lus|liés|similaires)",
    r"(?:noticias|artículos|notas) relacionad[ao]s",
    r"lo más (?:leído|visto)",
    r"(?:as )?mais lidas",
    r"(?:notícias|matérias) relacionadas",
    r"(?:i )?più letti",
    r"articoli correlati",
    r"(?:meest gelezen|gerelateerde artikelen)",
    r"(?:mest läst(?:a)?|mest lest(?:e)?|mest læst(?:e)?)",
    r"(?:najczęściej czytane|popularne|самое читаемое|читаемое|популярное)",
    r"(?:benzer haberler|çok okunanlar)",
)

# Furniture between paragraphs. The whole line only.
FURNITURE = (
    r"advertisement(?:s)?",
    r"(?:story|article) continues (?:below|after)(?: (?:this )?(?:advertisement|ad))?",
    r"(?:anzeige|werbung|publicité|publicidad|publicidade|pubblicità|advertentie|реклама|reklama)",
    r"breaking news|sponsored|promoted",
    r"(?:advertisement\W+)?continue reading below(?:\W+advertisement)?",
    r"follow @\w+(?: on \w+)?",
    r"share (?:this|on)(?: (?:article|story|page|facebook|twitter|x|whatsapp|linkedin))?",
    r"follow us(?: on \w+)?",
)
