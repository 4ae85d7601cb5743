"""What axe-core finds wrong in a page by WCAG 2.2, levels A and AA, or also by what it calls best practice."""

from functools import cache

from playwright.sync_api import Page

from pod_jobs.settings import ROOT
from tests.servers import need

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]  # 22aa: targets of 24 px
BEST_PRACTICE = "best-practice"  # such as: all content lies in landmarks, headings skip no level


@cache
def _axe() -> str:
    need(AXE.is_file(), "axe-core (./run test brings it)")
    return AXE.read_text(encoding="utf-8")


def violations(page: Page, *, best_practice: bool = False) -> list[str]:
    """One line for each element that breaks a rule: its rule, and where it is. `best_practice`: also rules beyond WCAG."""
    page.evaluate(_axe())
    found: list[str] = page.evaluate(
        """async (rules) => {
          const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
          return violations.flatMap(({ id, nodes }) =>
            nodes.map((node) => [id, node.target.join(" "), node.any[0]?.message ?? ""].join(": ")));
        }""",
        [*RULES, BEST_PRACTICE] if best_practice else RULES,
    )
    return found
