"""The article this project began with: a phrase in the body, and links about other things."""

from itertools import cycle
from pathlib import Path

import pytest

from tests.pipeline.stories import REFERENCE
from tests.pipeline.timeline import EmbeddedTimeline

SOURCE = Path(__file__).parents[2].parent / "shared" / "data" / "source-article.txt"
FORMS = ("label", "strong", "two_lines", "link")
# Words that the page has in "Read More" links and nowhere else.
ONLY_IN_LINKS = (
    '"Donald Trump"',
    '"refugees back home"',
    "France",
    '"volatile new phase"',
    "Moscow",
)


@pytest.mark.skipif(not SOURCE.exists(), reason="the source article is not beside the project")
async def test_the_reference_rule_alerts_once_and_rules_for_its_links_never(
    timeline: EmbeddedTimeline,
) -> None:
    rules = [
        {"id": f"link-{n}", "name": f"Words of a link {n}", "query": query}
        for n, query in enumerate(ONLY_IN_LINKS)
    ]
    timeline.wirewatch.write("rules/rules.yaml", {"rules": [REFERENCE, *rules]})
    await timeline.wirewatch.start_ready()
    title, summary, body, links = _article()
    assert "ground forces" not in title + summary
    await timeline.publish(
        "wire",
        title,
        body,
        summary=summary,
        furniture={
            "caption": "A Hezbollah fighter looks toward Syria from Lebanon (AP)",
            "read_more": [
                {"after": after, "title": link, "form": form}
                for (after, link), form in zip(links, cycle(FORMS), strict=False)
            ],
            "also_in": [link for _, link in links],
            "editors_choice": [link for _, link in links],
        },
    )
    payload = await timeline.expect("Reference rule", "The vanguard of *Iranian ground forces*")
    assert "Words of a link" not in payload
    await timeline.expect_nothing_more()


def _article() -> tuple[str, str, list[str], list[tuple[int, str]]]:
    """Headline, summary, paragraphs, and the links with the paragraph they stand after."""
    lines = [line.strip() for line in SOURCE.read_text().splitlines() if line.strip()]
    title = next(line for line in lines if "reportedly crossing" in line)
    start = next(n for n, line in enumerate(lines) if line.startswith("Hundreds of Iranian"))
    end = lines.index("Online Editors")
    body: list[str] = []
    links: list[tuple[int, str]] = []
    for line in lines[start:end]:
        if line.startswith("Read More: "):
            links.append((len(body), line.removeprefix("Read More: ")))
        else:
            body.append(line)
    return title, lines[start], body, links
