package bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.index.Term;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.queryparser.classic.ParseException;
import org.apache.lucene.queryparser.classic.QueryParser;
import org.apache.lucene.search.Query;
import org.apache.lucene.search.spans.SpanNearQuery;
import org.apache.lucene.search.spans.SpanQuery;
import org.apache.lucene.search.spans.SpanTermQuery;

/** The rules to register: lines "id TAB query" in Lucene's classic syntax. */
final class Rules {

  /** Lucene's own number; larger batches take gigabytes. */
  private static final int BATCH = 5000;

  static int register(Monitor monitor, Analyzer analyzer, Path path, int most)
      throws IOException, ParseException {
    QueryParser parser = new Parser(analyzer);
    List<MonitorQuery> batch = new ArrayList<>();
    int count = 0;
    try (BufferedReader lines = Files.newBufferedReader(path)) {
      for (String line; count < most && (line = lines.readLine()) != null; count++) {
        batch.add(parse(parser, line));
        if (batch.size() == BATCH) {
          monitor.register(batch);
          batch.clear();
        }
      }
    }
    monitor.register(batch);
    return count;
  }

  static List<MonitorQuery> read(Analyzer analyzer, Path path, int most)
      throws IOException, ParseException {
    QueryParser parser = new Parser(analyzer);
    List<MonitorQuery> rules = new ArrayList<>();
    try (BufferedReader lines = Files.newBufferedReader(path)) {
      for (String line; rules.size() < most && (line = lines.readLine()) != null; ) {
        rules.add(parse(parser, line));
      }
    }
    return rules;
  }

  private static MonitorQuery parse(QueryParser parser, String line) throws ParseException {
    int tab = line.indexOf('\t');
    return new MonitorQuery(line.substring(0, tab), parser.parse(line.substring(tab + 1)));
  }

  /** "a b"~n is a proximity in either order with at most n words between, as NEAR/n is. */
  private static final class Parser extends QueryParser {

    Parser(Analyzer analyzer) {
      super(Articles.ANYWHERE, analyzer);
      setDefaultOperator(Operator.AND);
    }

    @Override
    protected Query getFieldQuery(String field, String text, int slop) throws ParseException {
      if (slop == 0) {
        return super.getFieldQuery(field, text, slop);
      }
      List<SpanQuery> operands = new ArrayList<>();
      for (String word : text.split(" ")) {
        operands.add(new SpanTermQuery(new Term(field, getAnalyzer().normalize(field, word))));
      }
      return new SpanNearQuery(operands.toArray(new SpanQuery[0]), slop, false);
    }
  }

  private Rules() {}
}
