package bench;

import bench.Articles.Article;
import java.io.BufferedWriter;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.ToIntFunction;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.AnalyzerWrapper;
import org.apache.lucene.analysis.CharArraySet;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.monitor.HighlightsMatch;
import org.apache.lucene.monitor.MatcherFactory;
import org.apache.lucene.monitor.MatchingQueries;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorConfiguration;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.monitor.MultipassTermFilteredPresearcher;
import org.apache.lucene.monitor.QueryMatch;
import org.apache.lucene.monitor.TermWeightor;
import org.apache.lucene.search.IndexSearcher;

/**
 * Lucene Monitor in its best mode: multi-pass presearcher, document-frequency weights, one thread, one
 * document at a time, in memory. Arguments: rules, how many of them, articles, changed rules, how many of
 * them, repeats, where to write the matches. Prints one JSON object.
 */
public final class MonitorBench {

  private static final int PASSES = 2;
  /** Nothing matches across title and body. */
  private static final int FIELD_GAP = 1000;
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final Monitor monitor;
  private final List<Article> articles;
  private final int repeats;
  private long matches;

  private MonitorBench(Monitor monitor, List<Article> articles, int repeats) {
    this.monitor = monitor;
    this.articles = articles;
    this.repeats = repeats;
  }

  public static void main(String[] args) throws Exception {
    IndexSearcher.setDefaultQueryCache(null);
    Analyzer analyzer = analyzer();
    List<Article> articles = Articles.read(Path.of(args[2]));
    TermWeightor weights = weights(analyzer, articles);
    MonitorConfiguration quiet = new MonitorConfiguration();
    quiet.setPurgeFrequency(24, TimeUnit.HOURS);
    var presearcher = new MultipassTermFilteredPresearcher(PASSES, 0f, weights, List.of(), new HashSet<>());
    long before = usedHeap();
    Monitor monitor = new Monitor(analyzer, presearcher, quiet);
    long start = System.nanoTime();
    int rules = Rules.register(monitor, analyzer, Path.of(args[0]), Integer.parseInt(args[1]));
    double seconds = (System.nanoTime() - start) / 1e9;
    double bytes = (usedHeap() - before) / (double) rules;
    MonitorBench bench = new MonitorBench(monitor, articles, Integer.parseInt(args[5]));
    String plain = bench.measure(QueryMatch.SIMPLE_MATCHER, match -> 0, Path.of(args[6]));
    String offsets = bench.measure(HighlightsMatch.MATCHER, HighlightsMatch::getHitCount, null);
    String updates = bench.updates(Rules.read(analyzer, Path.of(args[3]), Integer.parseInt(args[4])));
    System.out.printf(
        Locale.ROOT,
        "{\"version\":\"%s\",\"java\":\"%s\",\"rules\":%d,\"register_s\":%.2f,\"bytes_per_rule\":%.0f,"
            + "\"matches_per_article\":%.2f,\"ids\":%s,\"offsets\":%s,\"update\":%s}%n",
        org.apache.lucene.util.Version.LATEST,
        System.getProperty("java.version"),
        rules, seconds, bytes, bench.matches / (double) articles.size(), plain, offsets, updates);
    System.exit(0); // The monitor's purge thread would keep the process alive.
  }

  /** Words by Unicode's rules, in lower case; no stop words. */
  private static Analyzer analyzer() {
    Analyzer standard = new StandardAnalyzer(CharArraySet.EMPTY_SET);
    return new AnalyzerWrapper(Analyzer.GLOBAL_REUSE_STRATEGY) {
      @Override
      protected Analyzer getWrappedAnalyzer(String field) {
        return standard;
      }

      @Override
      public int getPositionIncrementGap(String field) {
        return FIELD_GAP;
      }
    };
  }

  /** Rare and unseen terms weigh most. */
  private static TermWeightor weights(Analyzer analyzer, List<Article> articles) throws IOException {
    Map<String, Integer> frequency = new HashMap<>();
    for (Article article : articles) {
      for (String word : new HashSet<>(words(analyzer, article.title() + "\n" + article.body()))) {
        frequency.merge(word, 1, Integer::sum);
      }
    }
    double count = articles.size();
    return term -> {
      Integer seen = frequency.get(term.text());
      return seen == null ? 2 * count : count / seen;
    };
  }

  private static List<String> words(Analyzer analyzer, String text) throws IOException {
    List<String> words = new ArrayList<>();
    try (TokenStream stream = analyzer.tokenStream(Articles.ANYWHERE, text)) {
      CharTermAttribute word = stream.addAttribute(CharTermAttribute.class);
      stream.reset();
      while (stream.incrementToken()) {
        words.add(word.toString());
      }
      stream.end();
    }
    return words;
  }

  /** The best of the repeats, after one pass over the same articles to warm up. */
  private <T extends QueryMatch> String measure(MatcherFactory<T> matcher, ToIntFunction<T> hits, Path pairs)
      throws IOException {
    Pass best = pass(matcher, hits);
    for (int i = 0; i < repeats; i++) {
      Pass next = pass(matcher, hits);
      best = i == 0 || next.nanos < best.nanos ? next : best;
    }
    matches = Arrays.stream(best.ids).mapToLong(ids -> ids.length).sum();
    if (pairs != null) {
      write(pairs, best.ids);
    }
    return best.json();
  }

  private <T extends QueryMatch> Pass pass(MatcherFactory<T> matcher, ToIntFunction<T> hits) throws IOException {
    Pass pass = new Pass(articles.size());
    long start = System.nanoTime();
    long used = THREADS.getCurrentThreadCpuTime();
    for (int i = 0; i < articles.size(); i++) {
      long begin = System.nanoTime();
      MatchingQueries<T> found = monitor.match(articles.get(i).document(), matcher);
      if (!found.getErrors().isEmpty()) {
        throw new IllegalStateException(found.getErrors().toString());
      }
      pass.keep(i, found.getMatches(), hits);
      pass.candidates += found.getQueriesRun();
      pass.took[i] = System.nanoTime() - begin;
    }
    pass.nanos = System.nanoTime() - start;
    pass.cpuNanos = THREADS.getCurrentThreadCpuTime() - used;
    return pass;
  }

  private void write(Path path, String[][] ids) throws IOException {
    try (BufferedWriter lines = Files.newBufferedWriter(path)) {
      for (int i = 0; i < ids.length; i++) {
        lines.write(articles.get(i).id());
        for (String id : ids[i]) {
          lines.write('\t');
          lines.write(id);
        }
        lines.write('\n');
      }
    }
  }

  private String updates(List<MonitorQuery> changed) throws IOException {
    long[] took = new long[changed.size()];
    for (int i = 0; i < took.length; i++) {
      long begin = System.nanoTime();
      monitor.register(changed.get(i));
      took[i] = System.nanoTime() - begin;
    }
    return String.format(Locale.ROOT, "{\"p50_ms\":%.3f,\"p99_ms\":%.3f}", percentile(took, 50), percentile(took, 99));
  }

  private static final class Pass {
    final String[][] ids;
    final long[] took;
    long nanos;
    long cpuNanos;
    long candidates;
    long hits;

    Pass(int articles) {
      ids = new String[articles][];
      took = new long[articles];
    }

    <T extends QueryMatch> void keep(int article, Collection<T> matches, ToIntFunction<T> count) {
      String[] kept = new String[matches.size()];
      int i = 0;
      for (T match : matches) {
        kept[i++] = match.getQueryId();
        hits += count.applyAsInt(match);
      }
      ids[article] = kept;
    }

    String json() {
      return String.format(
          Locale.ROOT,
          "{\"per_s\":%.2f,\"per_cpu_s\":%.2f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"hits\":%d,\"candidates\":%d}",
          ids.length * 1e9 / nanos, ids.length * 1e9 / cpuNanos, percentile(took, 50), percentile(took, 99), hits, candidates);
    }
  }

  /** In milliseconds. */
  private static double percentile(long[] nanos, int percent) {
    long[] sorted = nanos.clone();
    Arrays.sort(sorted);
    int rank = (int) Math.ceil(percent / 100.0 * sorted.length);
    return sorted.length == 0 ? Double.NaN : sorted[Math.max(0, rank - 1)] / 1e6;
  }

  private static long usedHeap() {
    for (int i = 0; i < 4; i++) {
      System.gc();
    }
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
