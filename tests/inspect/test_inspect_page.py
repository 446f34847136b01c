"""The map: what is in the page, and what it does in headless Chromium."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from browser import Browser, browsing
from elfwriter import TEXT_VA, Site, make_image
from selenium.webdriver.common.keys import Keys

import previrt
from linker.bind.examine import examined
from linker.inspection.page import make_page

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SECTION, OFF, LEN, CLASS, FORM, TEXT = range(6)
# Where the middle of a site is on the canvas, by the page's own geometry.
WHERE = "const s = sites[arguments[0]], p = place(sections[s.fields[0]], s.fields[1]);" + (
    "return [p.x + s.fields[2] * pixelsPerByte() / 2, p.y + rowHeight() * 0.7]"
)


def page_of(image: Path, page: Path) -> Path:
    with examined(image) as examination:
        page.write_text(make_page(examination))
    return page


def data_in(page: Path) -> Any:
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert block
    return json.loads(block[1])


@pytest.fixture(scope="module")
def lol(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the fixture guest bound to lol."""
    directory = tmp_path_factory.mktemp("lol")
    previrt.link(FIXTURES / "x86_64" / "guest.elf", "lol", output=directory / "guest.lol")
    return page_of(directory / "guest.lol", directory / "map.html")


@pytest.mark.parametrize(("arch", "target"), [("x86_64", "xen"), ("ia64", "vnuma"), ("i386", "bare")])
def test_every_site_is_in_the_page_where_it_belongs(tmp_path: Path, arch: str, target: str) -> None:
    image = tmp_path / "bound"
    previrt.link(FIXTURES / arch / "guest.elf", target, output=image)
    said = data_in(page_of(image, tmp_path / "page.html"))
    strings = said["strings"]
    found = []
    for row in said["sites"]:
        name, va, length, *_ = said["sections"][row[SECTION]]
        assert 0 <= row[OFF] <= row[OFF] + row[LEN] <= length, name
        found.append((int(va, 16) + row[OFF], row[LEN], strings[row[CLASS]], strings[row[FORM]], strings[row[TEXT]]))
    listed = previrt.list_sites(FIXTURES / arch / "guest.elf", target)
    assert found == [(site.va, site.room_len, site.class_name, site.form, site.instruction) for site in listed]


def test_nothing_is_fetched_and_only_its_own_script_runs(lol: Path) -> None:
    page = lol.read_text()
    assert not re.findall(r"https?://|url\(|@import|\bsrc=|\bhref=|fetch\(|XMLHttpRequest|<link|<img", page)
    assert "default-src 'none'" in page


def test_names_are_never_markup(tmp_path: Path) -> None:
    evil = "</script><script>document.title='caught'</script><img src=x onerror=\"document.title='caught'\">"
    image = tmp_path / "<b>guest & co"
    image.write_bytes(
        make_image([Site("fa"), Site("f4")], symbols={evil: (TEXT_VA, 64), "${TITLE}$DATA": (TEXT_VA + 9, 9)})
    )
    page = page_of(image, tmp_path / "page.html")
    assert page.read_text().count("<script") == 2
    with browsing(page, tmp_path / "profile") as browser:
        assert browser.driver.title == "<b>guest & co: map"
        assert browser.text("name") == "<b>guest & co"
        browser.keys(Keys.ARROW_RIGHT)
        assert evil in browser.text("details")
        assert evil in browser.text("list")
        browser.point(*browser.run(WHERE, 0))
        browser.until(lambda: evil in browser.text("tip"))
        assert browser.run("return document.images.length") == 0
        assert browser.driver.title == "<b>guest & co: map"
        assert not browser.errors


def colour_at(browser: Browser, number: int) -> list[int]:
    """Red, green and blue in the middle of a site's mark, drawn now."""
    x, y = browser.run("paint();" + WHERE, number)
    found: list[int] = browser.run(
        "return [...pen.getImageData(arguments[0], arguments[1], 1, 1).data].slice(0, 3)", x, y
    )
    return found


def rgb(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def test_the_map_in_a_browser(lol: Path, tmp_path: Path) -> None:
    said = data_in(lol)
    strings, rows = said["strings"], said["sites"]
    with browsing(lol, tmp_path / "profile") as browser:
        assert "bound to lol" in browser.text("facts")
        assert not browser.errors

        # Hover: the instruction, its form, its symbol.
        number = next(n for n, row in enumerate(rows) if strings[row[FORM]] == "call")
        browser.point(*browser.run(WHERE, number))
        browser.until(lambda: not browser.run("return document.getElementById('tip').hidden"))
        shown = browser.run("return hovered.index")
        assert browser.text("tip").splitlines()[0] == strings[rows[shown][TEXT]]
        assert strings[rows[shown][FORM]] in browser.text("tip").splitlines()[1]

        # The wheel zooms around the pointer; dragging moves; a click chooses; 0 shows all again.
        x, y = browser.run(WHERE, number)
        browser.wheel(x, y, -1200)
        browser.until(lambda: browser.run("return view.zoom") > 5)
        near_x, near_y = browser.run(WHERE, number)
        assert abs(near_x - x) < 12 * browser.run("return pixelsPerByte()") + 12
        assert abs(near_y - y) < 2 * browser.run("return rowHeight()")
        before = browser.run("return [view.x, view.y]")
        browser.drag(500, 300, -60, -40)
        assert browser.run("return view.x") == pytest.approx(before[0] + 60, abs=3)
        browser.keys("0")
        assert browser.run("return view.zoom") == 1
        browser.point(*browser.run(WHERE, number), click=True)
        chosen = browser.run("return selected.index")
        assert strings[rows[chosen][TEXT]] in browser.text("details")

        # Keys go from site to site in address order, Enter goes close; colours are those of the legend.
        browser.keys(Keys.HOME)
        for expected in (0, 1, 2):
            assert browser.run("return selected.index") == expected
            browser.keys(Keys.ARROW_RIGHT)
        browser.keys(Keys.ARROW_LEFT, Keys.ENTER)
        browser.until(lambda: browser.run("return view.zoom === furthest"))
        browser.run("hovered = null; selected = null")
        assert colour_at(browser, 2) == rgb(browser.run("return classColour(arguments[0])", strings[rows[2][CLASS]]))
        browser.keys("c")
        assert browser.find("by-form").get_attribute("aria-pressed") == "true"
        assert colour_at(browser, 2) == rgb(browser.run("return formColour(arguments[0])", strings[rows[2][FORM]]))

        # Filter by symbol, by class and by form; Escape takes all of it back.
        browser.find("filter").send_keys("test_flags")
        with_symbol = [row for row in rows if strings[row[9]].partition("+")[0] == "test_flags"]
        assert browser.run("return sites.filter((site) => site.shown).length") == len(with_symbol) > 10
        assert f"{len(with_symbol)} of {len(rows)} sites shown" in browser.text("matches")
        assert colour_at(browser, 2) == rgb(browser.run("return css.dim"))
        browser.find("filter").send_keys(Keys.ENTER)
        browser.until(lambda: browser.run("return selected && selected.span.name") == "test_flags")
        browser.keys(Keys.ESCAPE)
        assert browser.run("return sites.every((site) => site.shown)")
        browser.run("document.querySelector('#forms [title=\"only call\"]').click()")
        calls = sum(strings[row[FORM]] == "call" for row in rows)
        assert browser.run("return sites.filter((site) => site.shown).length") == calls
        browser.keys(Keys.ESCAPE)

        # Light and dark.
        light = browser.run("return css.page")
        browser.find("theme").click()
        assert browser.run("return css.page") != light
        assert browser.run("return getComputedStyle(document.body).backgroundColor") == "rgb({}, {}, {})".format(
            *rgb(browser.run("return css.page"))
        )
        assert not browser.errors


def test_an_image_without_sites_and_a_narrow_window(tmp_path: Path) -> None:
    image = tmp_path / "guest"
    image.write_bytes(make_image([]))
    page = page_of(image, tmp_path / "page.html")
    with browsing(page, tmp_path / "profile", "--window-size=420,800", "--force-dark-mode") as browser:
        assert "no sites" in browser.text("details")
        browser.keys(Keys.ARROW_RIGHT, "+", "-", "0", "c", Keys.ENTER, Keys.END)
        assert browser.run("return document.documentElement.scrollWidth <= innerWidth")
        assert not browser.errors
