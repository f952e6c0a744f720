package bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.TextField;

/** The articles to match: lines "id TAB title TAB body", with \n, \t and \\ written with a backslash. */
final class Articles {

  /** Title and body together: where a clause without a field looks. */
  static final String ANYWHERE = "text";

  record Article(String id, String title, String body) {

    /** Only the fields that the rules use: a field that nobody asks for would cost time. */
    Document document() {
      Document document = new Document();
      document.add(new TextField("title", title, Field.Store.NO));
      document.add(new TextField(ANYWHERE, title, Field.Store.NO));
      document.add(new TextField(ANYWHERE, body, Field.Store.NO));
      return document;
    }
  }

  static List<Article> read(Path path) throws IOException {
    List<Article> articles = new ArrayList<>();
    try (BufferedReader lines = Files.newBufferedReader(path)) {
      for (String line; (line = lines.readLine()) != null; ) {
        String[] parts = line.split("\t", -1);
        articles.add(new Article(parts[0], plain(parts[1]), plain(parts[2])));
      }
    }
    return articles;
  }

  private static String plain(String escaped) {
    StringBuilder text = new StringBuilder(escaped.length());
    for (int i = 0; i < escaped.length(); i++) {
      char c = escaped.charAt(i);
      if (c == '\\') {
        c = escaped.charAt(++i);
        c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      }
      text.append(c);
    }
    return text.toString();
  }

  private Articles() {}
}
