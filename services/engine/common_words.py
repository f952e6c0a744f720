"""Words that stand in a great share of all news articles, folded.

Used for warnings only: no word is ever left out of a search.
"""

COMMON_WORDS = frozenset(
    {
        *("a", "about", "after", "all", "also", "an", "and", "are", "as", "at", "be", "been"),
        *("but", "by", "can", "could", "day", "did", "do", "for", "from", "had", "has", "have"),
        *("he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its", "last", "may"),
        *("more", "most", "new", "news", "no", "not", "now", "of", "on", "one", "or", "our"),
        *("out", "over", "people", "report", "said", "say", "says", "she", "so", "some", "than"),
        *("that", "the", "their", "them", "there", "they", "this", "time", "to", "today", "two"),
        *("up", "was", "we", "week", "were", "what", "when", "which", "who", "will", "with"),
        *("world", "would", "year", "years", "you", "de", "la", "le", "les", "des", "et", "en"),
        *("el", "los", "las", "un", "une", "una", "der", "die", "das", "und", "ist", "von", "il"),
        *("e", "o", "os", "da", "do", "que", "het", "een", "и", "в", "на", "не", "что", "с", "по"),
        *("في", "من", "علي", "الي", "ان", "و", "به", "در", "از", "את", "של", "על", "का", "के", "है"),
        *("的", "是", "在", "の", "に", "は"),
    }
)
