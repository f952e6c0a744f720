"""What rules say of an article when each is tried by itself: what any index must equal."""

from collections.abc import Iterable

from schemas.article import Article
from schemas.matches import Clause
from schemas.rule import WatchRule
from services.engine.document import Document
from services.engine.evaluate import Evaluation
from services.engine.options import Options
from services.engine.parse import Lists, parse


def proofs_one_by_one(
    rules: Iterable[WatchRule], article: Article, lists: Lists | None = None
) -> dict[str, tuple[Clause, ...]]:
    """The proof of each rule that matches, by its id."""
    document = Document(article)
    tried = {
        rule.rule_id: Evaluation(parse(rule.query, lists), document, Options.of_rule(rule)).proof()
        for rule in rules
    }
    return {rule_id: proof for rule_id, proof in tried.items() if proof is not None}
