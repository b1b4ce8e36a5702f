"""The page as a reader meets it, in a real browser: seen, clicked, walked through by keys, on small screens."""

from __future__ import annotations

import copy
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from browsing import METHODS, TABS, Visit, grown, outcome_of, visiting
from reported import LARGER, carry_out, make, unpacked

from outthink.report.packing import pack_search
from outthink.report.style import COLOURS
from outthink.study.outcomes import Solved
from outthink.tree import Tree

pytestmark = pytest.mark.browser

CHROME = shutil.which("chromium") or shutil.which("google-chrome")

Open = Callable[..., AbstractContextManager[Visit]]

POISON = (
    '</script><script>window.owned = 1</script><img src=x onerror="window.owned = 1"> & \'quotes\' "more" '
    "<!-- \u202e reversed \u202c \u0000 \ufffd \U0001f600 $a < b$ \\(c\\) "
)
LONG = POISON + "long" * 2000


@pytest.fixture(scope="module")
def chromium(made: dict[str, Any]) -> Iterator[Any]:
    # After the document was made: from here on an event loop is running.
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    if CHROME is None:
        pytest.skip("needs Chromium on the path: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make(carry_out(tmp_path_factory.mktemp("finished")), title="A run", trees="all")


@pytest.fixture
def opened(chromium: Any, tmp_path: Path, made: dict[str, Any]) -> Open:
    """Opens the page of a document, of the small run's unless another is given."""
    return lambda document=None, **how: visiting(chromium, CHROME or "", tmp_path / "visit", document or made, **how)


def changed(made: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(made), **changes}


def with_search(made: dict[str, Any], packed: str, **changes: Any) -> dict[str, Any]:
    """The document, its first problem's search by beam-4 replaced by another."""
    document = copy.deepcopy(made)
    beam_of(document).update(tree=packed, **changes)
    return document


def beam_of(made: dict[str, Any]) -> dict[str, Any]:
    """The search by beam-4 on the first problem."""
    place = (0, "beam", 4, 0)
    return next(s for s in made["searches"] if (s["problem"], s["strategy"], s["n"], s["seed"]) == place)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 900), (390, 844), (320, 640)])
def test_every_tab_shows_what_it_is_for_and_fits(opened: Open, scheme: str, size: tuple[int, int]) -> None:
    seen = {
        "accuracy": "svg.plot",
        "difficulty": ".panel svg, .heat .cell",
        "verifier": ".cards svg",
        "cost": ".chart svg rect",
        "comparisons": ".whisker circle",
        "problems": "svg.tree .step",
    }
    with opened(scheme=scheme, size=size) as visit:
        for name in TABS:
            visit.tab(name)
            visit.page.locator(f"#panel-{name}").locator(seen[name]).first.wait_for(state="visible")
            hidden = [other for other in TABS if other != name]
            assert not any(visit.page.locator(f"#panel-{other}").is_visible() for other in hidden)
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert visit.page.title() == "A run"


def test_the_chart_follows_axis_legend_and_ticks(opened: Open, made: dict[str, Any]) -> None:
    with opened() as visit:
        chart = visit.page.locator(".figure svg.plot")
        for axis in made["axes"]:
            visit.page.locator("#panel-accuracy").get_by_role("radio", name=axis["label"], exact=True).check()
            assert axis["label"] in chart.text_content()
        names = visit.page.locator("#panel-accuracy .method")
        assert names.count() == len([m for m in made["methods"] if m["selection"] != "oracle"]) - 1
        dots = chart.locator("g[aria-label=dot] > *")
        before = dots.count()
        shown = [number for number in made["shown"] if made["methods"][number]["name"] == "sample · majority"]
        own = sum(p["method"] in shown and p["costs"]["seconds"] is not None for p in made["points"])
        names.get_by_text("sample · majority", exact=True).click()
        assert own > 0 and dots.count() == before - own
        visit.page.get_by_role("button", name="none").first.click()
        assert dots.count() == 0
        visit.page.get_by_role("button", name="all").first.click()
        bands = chart.locator("g[aria-label=area] path, g[aria-label=rule] line").count()
        visit.page.get_by_label("95 % bands").uncheck()
        assert chart.locator("g[aria-label=area] path, g[aria-label=rule] line").count() < bands


def test_values_appear_at_the_pointer(opened: Open, made: dict[str, Any]) -> None:
    with opened() as visit:
        box = visit.page.locator(".figure g[aria-label=dot] > *").last.bounding_box()
        assert box is not None
        visit.page.mouse.move(box["x"] + 3, box["y"] + 3)
        tip = visit.page.locator(".figure g[aria-label=tip] text")
        tip.wait_for()
        assert "N = " in tip.text_content() and "Tokens written: " in tip.text_content()


def test_the_heat_map_tells_its_ranks(opened: Open, made: dict[str, Any]) -> None:
    with opened(place="difficulty") as visit:
        best = made["difficulty"][0]["bins"][0]["best"][-1]
        visit.page.locator(".heat tbody tr").first.locator(".cell").last.click()
        assert visit.page.locator(".ranks li").count() == len(best["ranks"])
        assert made["methods"][best["ranks"][0][0]]["name"] in visit.page.locator(".ranks li").first.text_content()


def test_comparisons_are_sorted_and_filtered(opened: Open, made: dict[str, Any]) -> None:
    with opened(place="comparisons") as visit:
        panel = visit.page.locator("#panel-comparisons")
        values = lambda: panel.locator("tbody tr td:nth-child(5)").all_inner_texts()  # noqa: E731
        assert numbers(values()) == sorted(numbers(values()), reverse=True)
        panel.get_by_role("button", name="Points").click()
        assert numbers(values()) == sorted(numbers(values()))
        assert panel.locator("th[aria-sort=ascending]").inner_text().startswith("Points")
        panel.get_by_label("Find").fill("beam weighted")
        rows = panel.locator("tbody tr")
        assert rows.count() == sum("beam" in made["methods"][each["first"][0]]["name"] for each in made["comparisons"])
        panel.get_by_label("only intervals without 0").check()
        clear = [
            each
            for each in made["comparisons"]
            if "beam" in made["methods"][each["first"][0]]["name"] and (each["low"] > 0 or each["high"] < 0)
        ]
        assert rows.count() == len(clear)


def test_methods_stand_beside_larger_models(opened: Open, made: dict[str, Any]) -> None:
    larger = {key: value for key, value in LARGER.items() if key != "ratios"}
    dear = {"larger": larger, "method": 1, "n": None, "flops": None, "accuracy": None}
    fair = {"larger": larger, "method": 0, "n": 1, "flops": 2e5, "accuracy": 0.625}
    unknown = {"value": None, "low": None, "high": None}
    beside = [{**fair, "ratio": ratio, "value": 0.125, "low": -0.1, "high": 0.4} for ratio in (None, 0.5)]
    document = changed(made, larger=[beside[0], {**dear, **unknown, "ratio": None}, beside[1]])
    with opened(document, place="comparisons") as visit:
        cards = visit.page.locator("#panel-comparisons .card")
        assert cards.count() == 2
        assert "8k parameters, 50.0 % as reported in a paper" in cards.first.inner_text().replace("\u00a0", " ")
        assert "training" not in cards.first.inner_text() and "0.5 tokens written" in cards.last.inner_text()
        rows = cards.first.locator("tbody tr")
        assert [row.split("\t")[1:] for row in rows.all_inner_texts()] == [
            ["1", "200k", "62.5", "+12.5", "[−10.0, +40.0]"],
            ["all cost more", "–", "–", "–", ""],
        ]


def numbers(texts: list[str]) -> list[float]:
    return [float(text.replace("−", "-")) for text in texts]


def test_problems_are_filtered_by_who_was_right(opened: Open, made: dict[str, Any]) -> None:
    with opened(place="problems") as visit:
        panel = visit.page.locator("#panel-problems")
        point = next(
            p for p in made["points"] if made["methods"][p["method"]]["name"] == "sample · best" and p["n"] == 6
        )
        panel.get_by_label("Where", exact=True).select_option("sample · best, N = 6")
        panel.get_by_role("radio", name="wrong").first.check()
        wrong = [row for row, right in enumerate(point["right"]) if right < 50]
        names = panel.locator(".problem-list .problem-name").all_inner_texts()
        assert wrong and names == [str(row + 1) for row in wrong]


def test_the_winner_is_the_one_that_was_chosen(opened: Open, made: dict[str, Any]) -> None:
    search = next(s for s in made["searches"] if (s["strategy"], s["seed"], s["problem"]) == ("sample", 0, 1))
    packed = unpacked(search)
    with opened(place="problems/1/sample-6%2F0") as visit:
        why = visit.page.locator(".card", has=visit.page.get_by_text("Why this answer"))
        for verdict in packed["verdicts"]:
            label = f"{verdict['selection']} ({verdict['aggregate']})" if verdict["aggregate"] else verdict["selection"]
            why.get_by_role("radio", name=label, exact=True).check()
            winner = packed["answers"][verdict["winner"]]
            assert why.locator("button.answer.won").inner_text() == winner["text"]
            row = why.locator("tbody tr", has=visit.page.locator("button.won"))
            assert row.locator("[role=img]").get_attribute("aria-label") == ("right" if winner["correct"] else "wrong")


def test_the_slider_shows_the_search_as_it_grew(opened: Open, made: dict[str, Any]) -> None:
    with opened(place="problems/0/beam-4%2F0") as visit:
        search = next(
            s for s in made["searches"] if (s["strategy"], s["n"], s["seed"], s["problem"]) == ("beam", 4, 0, 0)
        )
        steps = len(unpacked(search)["nodes"]["text"]) - 1
        slider = visit.page.get_by_label("Steps written")
        slider.wait_for()
        there = visit.page.locator(".steps .step:not(.unborn):not(.writing):not(.prompt)")
        assert there.count() == steps == int(slider.get_attribute("max"))
        slider.focus()
        slider.press("Home")
        assert there.count() == 0
        for done in (1, 2, 3):
            slider.press("ArrowRight")
            assert there.count() == done
            assert slider.get_attribute("aria-valuetext").startswith(f"{done} of {steps} steps")
        visit.page.get_by_role("button", name="Replay the search").click()
        # It takes some seconds, at its own pace.
        visit.page.get_by_text(f"all {steps} steps").wait_for()
        assert there.count() == steps


def test_arrow_keys_walk_the_tree(opened: Open) -> None:
    with opened(place="problems/0/beam-4%2F0") as visit:
        tree = visit.page.locator("svg.tree")
        depth = visit.page.locator(".path li")
        tree.focus()
        tree.press("Home")
        assert depth.count() == 1
        # It is small, and so grows to the right.
        tree.press("ArrowRight")
        assert visit.page.locator(".stage [role=status]").text_content().startswith("Step 1, score 0.")
        assert depth.count() == 2
        tree.press("ArrowDown")
        assert depth.count() == 2 and visit.page.locator(".path li[aria-current=step]").count() == 1
        tree.press("ArrowLeft")
        assert depth.count() == 1
        visit.page.locator(".way-on").nth(1).press("Enter")
        assert depth.count() == 2
        # Whoever came by keyboard stays where the text went on.
        assert visit.page.evaluate("document.activeElement.closest('.path .current') !== null")


def test_keys_lead_through_tabs_and_problems(opened: Open) -> None:
    with opened() as visit:
        visit.page.get_by_role("tab", name="Accuracy").focus()
        visit.page.keyboard.press("ArrowLeft")
        assert visit.page.evaluate("document.activeElement.id") == "tab-problems"
        heading = visit.page.locator(".detail h3").first
        heading.wait_for()
        visit.page.keyboard.press("]")
        visit.page.locator(".problem-list").focus()
        visit.page.keyboard.press("ArrowDown")
        assert heading.inner_text().startswith("Problem 2")
        visit.page.keyboard.press("]")
        assert heading.inner_text().startswith("Problem 3")
        visit.page.keyboard.press("[")
        assert heading.inner_text().startswith("Problem 2")
        visit.page.keyboard.press("End")
        assert heading.inner_text().startswith("Problem 8")
        assert visit.page.evaluate("location.hash").startswith("#problems/7/")


def test_a_place_can_be_linked_to(opened: Open) -> None:
    with opened(place="problems/3/particles-4%2F3") as visit:
        pressed = visit.page.locator(".series [aria-pressed=true]")
        pressed.wait_for()
        assert pressed.get_attribute("aria-label") == "particles, N = 4"
        seeds = visit.page.locator(".picker").get_by_role("radio")
        assert seeds.nth(1).is_checked()
        seeds.nth(1).press("ArrowLeft")
        assert visit.page.evaluate("location.hash") == "#problems/3/particles-4%2F0"
        assert pressed.get_attribute("aria-label") == "particles, N = 4" and pressed.is_visible()
        assert visit.page.evaluate("document.activeElement.type") == "radio"
        for place in ("nothing", "problems/99/x", "problems/0/%E0%A4%A"):
            visit.go(place)
            visit.page.locator("main section:visible").first.wait_for()


def test_a_large_tree_is_drawn_in_less_than_a_second(opened: Open, made: dict[str, Any]) -> None:
    document = with_search(made, grown(leaves=256, nodes=3000))
    with opened(document, place="problems/0/greedy-1%2F0") as visit:
        visit.page.locator("svg.tree").wait_for()
        took = visit.page.evaluate(
            """async () => {
                const frame = () => new Promise(requestAnimationFrame);
                const button = document.querySelector('[aria-label="beam, N = 4"]');
                await frame();
                const began = performance.now();
                button.click();
                while (document.querySelectorAll('svg.tree .step').length !== 3000) await frame();
                // Painted with the second frame after it was put in.
                await frame();
                await frame();
                return performance.now() - began;
            }"""
        )
        assert visit.page.locator("svg.tree .leaf").count() == 256
        assert took < 1000
        slid = visit.page.evaluate(
            """() => {
                const slider = document.querySelector('.replay input');
                const began = performance.now();
                for (const value of [0, 500, 1000, 1500, 2000, 2500]) {
                    slider.value = value;
                    slider.dispatchEvent(new Event('input'));
                }
                return (performance.now() - began) / 6;
            }"""
        )
        assert slid < 200


def test_what_a_model_has_written_is_only_text(opened: Open, made: dict[str, Any]) -> None:
    tree = Tree.written(LONG, [LONG, LONG], "\n\n", [{"role": "system", "content": LONG}])
    solved = Solved(key=LONG, scores=(0.5, 0.5), correct=False, weight=1.0, tokens=3)
    document = with_search(made, pack_search(tree, outcome_of((solved,)), METHODS), error=LONG)
    document["problems"][0].update(question=LONG, answer=LONG, level=LONG, subject=LONG, id=LONG)
    document["title"] = LONG
    document["runs"][0]["engine"] = {"kind": LONG}
    for method in document["methods"]:
        method["name"] = POISON + method["name"]
    for bins in document["difficulty"]:
        bins["bins"][0]["name"] = POISON
    for size in ((1280, 900), (390, 844)):
        with opened(document, size=size, place="problems/0/beam-4%2F0") as visit:
            visit.page.locator(".path li").first.wait_for()
            shown = visit.page.locator(".path .written").last
            assert shown.evaluate("each => each.textContent") == LONG
            for name in TABS:
                visit.tab(name)
                assert visit.page.evaluate("document.documentElement.scrollWidth") <= size[0], name
            assert visit.page.evaluate("window.owned === undefined")
            assert visit.page.locator("img, iframe, object").count() == 0
            assert visit.page.locator("script").count() == 4


def test_injected_scripts_would_not_run(opened: Open) -> None:
    with opened() as visit:
        visit.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.owned = 1\">')")
        visit.page.wait_for_timeout(200)
        assert visit.page.evaluate("window.owned === undefined")
        # The browser says that it refused: that is what was asked for.
        assert visit.wrong
        visit.wrong.clear()


def test_what_is_missing_is_said(opened: Open, made: dict[str, Any]) -> None:
    nothing = changed(made, searches=[], trees=0, verifiers=[], difficulty=[], comparisons=[])
    for point in nothing["points"]:
        point.update(value=None, low=None, high=None, right=[None] * 8)
    with opened(nothing) as visit:
        for name in TABS:
            visit.tab(name)
        assert "--trees all" in visit.page.locator("#panel-problems .notice").inner_text()
        for name in ("accuracy", "difficulty", "verifier"):
            visit.tab(name)
            assert visit.page.locator(f"#panel-{name} .notice").is_visible()


def test_a_search_without_answers_is_shown(opened: Open, made: dict[str, Any]) -> None:
    tree = Tree.written("Q", ["one", "two"], "\n\n")
    document = with_search(made, pack_search(tree, outcome_of(()), METHODS), error="the engine failed", right=[False])
    with opened(document, place="problems/0/beam-4%2F0") as visit:
        assert "the engine failed" in visit.page.locator(".detail .notice").first.inner_text()
        visit.page.locator("svg.tree").wait_for()
        assert visit.page.locator("svg.tree .step").count() == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_and_controls_have_names(opened: Open, scheme: str) -> None:
    with opened(scheme=scheme) as visit:
        for name in TABS:
            visit.tab(name)
            if name == "problems":
                visit.page.locator(".path li").first.wait_for()
            assert visit.page.evaluate(audit("nameless")) == []
            assert visit.page.evaluate(audit("pale")) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_twenty_strategies_have_a_colour_each(opened: Open, made: dict[str, Any], scheme: str) -> None:
    sample = next(number for number, each in enumerate(made["methods"]) if each["strategy"] == "sample")
    methods = [{**made["methods"][sample], "strategy": f"s{place}", "name": f"s{place}"} for place in range(20)]
    mine = [point for point in made["points"] if point["method"] == sample]
    points = [{**point, "method": place} for place in range(20) for point in mine]
    drawn = changed(made, methods=methods, points=points, shown=[*range(20)], policies=[], comparisons=[], costs=[])
    with opened(drawn, scheme=scheme) as visit:
        seen = visit.page.evaluate(
            """() => [...document.querySelectorAll(".legend .swatch line")].map((line) => {
                const canvas = document.createElement("canvas").getContext("2d");
                canvas.fillStyle = getComputedStyle(line).stroke;
                canvas.fillRect(0, 0, 1, 1);
                return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
            })"""
        )
    assert len(seen) == 20
    for place, colour in enumerate(seen):
        others = seen[:place] + seen[place + 1 :]
        assert min(math.dist(colour, other) for other in others) > 20
        if scheme == "light":
            # As in print.
            assert colour == pytest.approx(list(bytes.fromhex(COLOURS[place][1:])), abs=1.5)


def audit(name: str) -> str:
    return (Path(__file__).parent / f"{name}.js").read_text()
