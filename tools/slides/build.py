"""Draw the figures of all days and build the slides: self-contained HTML and PDF.

    python tools/slides/build.py [day_N ...]

Writes day_N/figures/*.svg, day_N/pictures/*.svg, and _build/slides/day_N.html and .pdf. Exits with
1 naming each slide whose content does not fit. In the HTML, P opens the presenter's view with notes
and time. Needs npm's Marp CLI beside this file, and Chromium.
"""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
COURSE = HERE.parents[1]
OUT = COURSE / "_build" / "slides"
# The lowest and rightmost point of what a slide shows must leave its page number free.
MEASURE = """<script>addEventListener("load", () => setTimeout(() => {
  const over = [...document.querySelectorAll("section")].flatMap((slide, k) => {
    const page = slide.getBoundingClientRect(), scale = 720 / page.height;
    const boxes = [...slide.querySelectorAll("*")]
      .filter(e => e.tagName != "FOOTER" && !e.closest("footer, mjx-container > *"))
      .map(e => e.getBoundingClientRect());
    const low = scale * (Math.max(...boxes.map(b => b.bottom)) - page.bottom);
    const wide = scale * (Math.max(...boxes.map(b => b.right)) - page.right);
    return low > -36 || wide > -20 ? [k + 1] : [];
  });
  document.body.innerHTML = `<p id="over">[${over}]</p>`;
}, 1000))</script>"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")


def inline(page, folder):
    """The page with each picture of the folder inside, and without the address in a comment.

    Raises FileNotFoundError for a picture that is not there.
    """

    def data(match):
        coded = base64.b64encode((folder / match[2]).read_bytes()).decode()
        return f"{match[1]}data:image/svg+xml;base64,{coded}"

    page = re.sub(r"/\*![^*]*LICENSE\.txt\s*\*/", "", page)
    return re.sub(r"(src=[\"']|url\([\"']?|url\(&quot;)([\w./-]+\.svg)", data, page)


def too_full(marp, source, browser, environment):
    """Numbers of the slides whose content does not fit, measured in the browser."""
    page = OUT / f"{source.parent.name}.measure.html"
    run(*marp, "--template", "bare", "-o", page, env=environment, stdin=subprocess.DEVNULL)
    page.write_text(inline(page.read_text("utf-8"), source.parent) + MEASURE, "utf-8")
    profile = tempfile.mkdtemp()
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1280,720"]
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom"]
    done = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, timeout=300)
    shutil.rmtree(profile, ignore_errors=True)
    page.unlink()
    return json.loads(re.search(r'<p id="over">(.*)</p>', done.stdout)[1])


def build(day):
    """Build one day's slides; returns whether every slide's content fits."""
    print(f"{day}: figures", flush=True)
    paths = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    for drawn in sorted((COURSE / day).glob("*/draw.py")):
        drawing = [sys.executable, HERE / "drawing.py", drawn.parent]
        run(*drawing, env={**os.environ, "PYTHONPATH": paths})
    source = COURSE / day / "slides.md"
    browser = next(filter(None, map(shutil.which, BROWSERS)), "")
    marp = [HERE / "node_modules/.bin/marp", source, "--theme-set", HERE / "course.css"]
    marp += ["--allow-local-files", "--no-config-file", "--html=false"]
    environment = {**os.environ, "CHROME_PATH": browser}
    OUT.mkdir(parents=True, exist_ok=True)
    page, draft = OUT / f"{day}.html", OUT / f"{day}.draft"
    run(*marp, "-o", draft, env=environment, stdin=subprocess.DEVNULL)
    draft.write_text(inline(draft.read_text("utf-8"), source.parent), "utf-8")
    os.replace(draft, page)
    pdf = [*marp, "--pdf", "--pdf-outlines", "-o", OUT / f"{day}.pdf"]
    run(*pdf, env=environment, stdin=subprocess.DEVNULL)
    over = too_full(marp, source, browser, environment)
    print(f"{day}: {page}" + (f"; too full: slides {over}" if over else ""), flush=True)
    return not over


if __name__ == "__main__":
    days = sys.argv[1:] or sorted(f.parent.name for f in COURSE.glob("day_*/slides.md"))
    sys.exit(not all([build(day) for day in days]))
