"""Look at every page of the built site in a real browser, on a screen and on a phone.

    python tools/site/check.py [folder with the pages]

Says of each page what is wrong: a message in the console, a request to another host, a picture that
does not show, a page wider than a phone, a solution that does not unfold, a quiz that cannot be
answered, a search without results. Exits with 1 if anything is.
"""

import os
import shutil
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SCREEN, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
UNSEEN = """[...document.querySelectorAll('article img')]
    .filter(image => !(image.complete && image.naturalWidth)).map(image => image.src)"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        """A page that is closed while it loads breaks the connection; that is no problem."""


def serve(folder):
    """Address of a server for `folder` that lives as long as this process."""
    server = Server(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def has_code(page, text):
    """Whether a code cell of the page holds the text."""
    return any(text in code for code in page.locator(".cell_input").all_text_contents())


def folds(page):
    """Problems with the solutions of a page: each is folded, and unfolds at a click."""
    solutions = page.locator(".cell.tag_solution")
    if solutions.count() == 0:
        return ["no solution is marked as one"] if has_code(page, "# @title Solution") else []
    solution = solutions.first
    code, handle = solution.locator("pre").first, solution.locator("summary").first
    if code.is_visible():
        return ["the first solution is not folded"]
    handle.click()
    code.wait_for(state="visible", timeout=3000)
    handle.click()
    code.wait_for(state="hidden", timeout=3000)
    return []


def answers(page):
    """Problems with the quiz of a page: choosing an answer shows its explanation."""
    options = page.locator(".MCButton")
    if options.count() == 0:
        return ["the quiz does not show"] if has_code(page, "besci.quiz(") else []
    options.first.click()
    feedback = page.locator(".Feedback").filter(has_text=" ")
    return [] if feedback.count() else ["choosing an answer in the quiz shows no explanation"]


def listen(page, address, wrong):
    """Note in `wrong` what the console says and what is asked of other hosts."""

    def requested(request):
        if not request.url.startswith((address, "data:", "blob:")):
            wrong.append(f"asks another host: {request.url}")

    page.on("console", lambda m: wrong.append(f"console: {m.text}") if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("response", lambda r: wrong.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
    page.on("request", requested)


def look(browser, address, name):
    """What is wrong with one page."""
    wrong = []
    for size in (SCREEN, PHONE):
        page = browser.new_page(viewport=size)
        listen(page, address, wrong)
        page.goto(address + name, wait_until="load")
        wrong += [f"picture does not show: {src}" for src in page.evaluate(UNSEEN)]
        if size is PHONE and (wider := page.evaluate(WIDER)) > 0:
            wrong.append(f"{wider} pixels wider than a phone")
        if size is SCREEN:
            wrong += folds(page) + answers(page)
        page.close()
    return list(dict.fromkeys(wrong))


def search(browser, address, word="embedding"):
    """Problems with the search."""
    page = browser.new_page()
    page.goto(f"{address}search.html?q={word}")
    try:
        page.locator("#search-results li").first.wait_for(timeout=10_000)
    except Exception:
        return [f'no results for "{word}"']
    finally:
        page.close()
    return []


def main(folder):
    pages = sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*.html"))
    pages = [page for page in pages if not page.startswith(("_", "slides/", "genindex"))]
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        sys.exit("No Chromium was found. On Debian or Ubuntu: apt-get install chromium")
    failed = 0
    address = serve(folder)
    with sync_playwright() as play:
        sandbox = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = play.chromium.launch(executable_path=found, args=[*sandbox, "--disable-gpu"])
        for page in pages:
            wrong = search(browser, address) if page == "search.html" else []
            wrong += look(browser, address, page)
            failed += bool(wrong)
            print("\n    ".join([f"{'x' if wrong else 'ok'} {page}", *wrong]), flush=True)
        browser.close()
    print(f"{len(pages) - failed} of {len(pages)} pages are as they should be.")
    return 1 if failed or not pages else 0


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[2] / "_build/site/html"
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else default))
