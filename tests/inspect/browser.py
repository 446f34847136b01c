"""Headless Chromium with a page open, driven through Selenium."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.by import By

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from selenium.webdriver.remote.webelement import WebElement

# No profile of anybody's, no network: the page has to do without.
OPTIONS = """--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync --force-device-scale-factor=1
--window-size=1400,900""".split()
PATIENCE_S = 60


class Browser:
    """The page. `errors` is what its console says of mistakes and of what its policy forbids."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    @property
    def errors(self) -> list[str]:
        entries = self.driver.execute("getLog", {"type": "browser"})["value"]
        return [str(entry["message"]) for entry in entries if entry["level"] == "SEVERE"]

    @property
    def map(self) -> WebElement:
        return self.find("map")

    def find(self, name: str) -> WebElement:
        return self.driver.find_element(By.ID, name)

    def text(self, name: str) -> str:
        return str(self.driver.execute_script("return document.getElementById(arguments[0]).innerText", name))

    def run(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(script, *arguments)

    def keys(self, *keys: str) -> None:
        self.map.send_keys(*keys)

    def _offsets(self, x: float, y: float) -> tuple[int, int]:
        size = self.map.size  # offsets count from the middle
        return int(x - size["width"] // 2), int(y - size["height"] // 2)

    def point(self, x: float, y: float, *, click: bool = False) -> None:
        move = ActionChains(self.driver).move_to_element_with_offset(self.map, *self._offsets(x, y))
        (move.click() if click else move).perform()

    def drag(self, x: float, y: float, by_x: int, by_y: int) -> None:
        move = ActionChains(self.driver).move_to_element_with_offset(self.map, *self._offsets(x, y))
        move.click_and_hold().move_by_offset(by_x, by_y).release().perform()

    def wheel(self, x: float, y: float, by: int) -> None:
        origin = ScrollOrigin.from_element(self.map, *self._offsets(x, y))
        ActionChains(self.driver).scroll_from_origin(origin, 0, by).perform()

    def until(self, holds: Callable[[], object]) -> None:
        """Wait for something the page does in its own time."""
        end = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < end, "the page does not get there"
            time.sleep(0.05)


@contextmanager
def browsing(page: Path, directory: Path, *more_options: str) -> Iterator[Browser]:
    """A fresh browser with the page open."""
    options = Options()
    options.binary_location = "/usr/bin/chromium"
    for option in (*OPTIONS, f"--user-data-dir={directory}", *more_options):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = Service("/usr/bin/chromedriver", env={**os.environ, "SE_OFFLINE": "true"})
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_page_load_timeout(PATIENCE_S)
        driver.get(page.resolve().as_uri())
        yield Browser(driver)
    finally:
        driver.quit()
