#!/usr/bin/env python3
"""Opens reports of `mlc verify --html` in headless Chromium (Debian: chromium) and looks at them as a reader would.

  html_report.py REPORT_CLI                      made-up reports, one as large as models get
  html_report.py REPORT_CLI --mlc MLC            also that of the small trained model
  html_report.py REPORT_CLI --page HTML          this page too
  html_report.py REPORT_CLI --pictures FOLDER    also keeps pictures of all pages, phone and desktop, light and dark

Checked: nothing is asked of any network or other file, the console stays empty, no element is wider than the screen,
no text of a chart lies on another or outside its box, and the charts show what the JSON in the page says.
"""

import argparse
import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

# Chromium's name in Debian, then elsewhere.
BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
SCREENS = {"phone": (390, 844), "desktop": (1280, 900)}
TIME_LIMIT = 60  # for one answer


class NoAnswer(Exception):
    pass


class Browser:
    """Chromium, spoken to over two pipes: one JSON object after the other, NUL between them."""

    def __init__(self, program, folder):
        to_read, self.to_browser = os.pipe()
        self.from_browser, to_write = os.pipe()

        def connect():
            # First to numbers that dup2 can't overwrite.
            read, write = os.dup(to_read), os.dup(to_write)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
             "--remote-debugging-pipe", f"--user-data-dir={folder}/profile", "about:blank"],
            preexec_fn=connect, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(f"{folder}/browser.log", "wb"))
        os.close(to_read)
        os.close(to_write)
        self.next_id, self.rest, self.events, self.session = 0, b"", [], None

    def message(self):
        while b"\0" not in self.rest:
            if not select.select([self.from_browser], [], [], TIME_LIMIT)[0]:
                raise NoAnswer(f"the browser did not answer within {TIME_LIMIT} s")
            part = os.read(self.from_browser, 1 << 20)
            if not part:
                raise NoAnswer("the browser ended")
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **params):
        self.next_id += 1
        request = {"id": self.next_id, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(request).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.next_id:
                if "error" in answer:
                    sys.exit(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self.message())

    def open_tab(self):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def evaluate(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit(f"script: {result['exceptionDetails']}")
        return result["result"].get("value")

    def show(self, width, height, scheme):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1})
        path.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.to_browser)
        os.close(self.from_browser)


# What the page shows, and what its JSON says that it has to show.
FACTS = """(() => {
  const count = (selector) => document.querySelectorAll(selector).length;
  const report = JSON.parse(document.getElementById('report').textContent);
  const shown = {}, due = {};
  const fact = (name, is, should) => { shown[name] = is; due[name] = should; };
  fact('findings', count('tr.finding'), report.findings.length);
  const w = report.weights;
  if (w) {
    fact('cells', count('rect.cell'), w.params.length);
    fact('titles of cells', [...document.querySelectorAll('rect.cell > title')].filter(
      t => w.params.some(p => t.textContent.startsWith(p.name))).length, w.params.length);
    fact('rows of params', count('tr.param'), w.error ? Math.min(20, w.params.length) : 0);
    const kinds = new Set(w.params.filter(p => p.codes.some(n => n)).map(p => p.kind));
    fact('codes', count('#codes .plot')
      ? document.querySelectorAll('#codes .plot')[0].querySelectorAll('rect.code').length : 0,
      w.codes.some(n => n) ? w.codes.length : 0);
    fact('histograms', count('#codes .plot'), kinds.size ? kinds.size + 1 : 0);
    const bars = [...document.querySelectorAll('#codes .plot')].slice(0, 1).flatMap(
      plot => [...plot.querySelectorAll('rect.bar')].map(bar => +bar.getAttribute('height')));
    const most = Math.max(...w.codes);
    fact('heights of codes follow the counts',
      bars.every((h, i) => Math.abs(h / Math.max(...bars) - w.codes.filter(n => n)[i] / most) < 0.01), true);
  }
  if (report.kernels) {
    const timed = report.kernels.kernels.filter(k => k.nanoseconds);
    fact('rows of kernels', count('tr.kernel'), report.kernels.kernels.length);
    fact('rates', count('rect.rate'), timed.length);
    const rates = [...document.querySelectorAll('rect.rate')].map(r => parseFloat(r.getAttribute('width')));
    const copy = report.kernels.copy_bytes_per_second;
    const scale = Math.min(2 * copy, Math.max(copy, ...timed.map(k => k.bytes_per_second)));
    fact('widths of rates follow the rates',
      rates.every((r, i) => Math.abs(r - Math.min(100, 100 * timed[i].bytes_per_second / scale)) < 0.02), true);
  }
  const m = report.model_run;
  if (m) {
    const curves = [m.device_error, m.quantization_error].filter(d => d && d.kl_curve.length);
    const points = [...document.querySelectorAll('#model polyline')].map(
      line => line.getAttribute('points').trim().split(' ').length);
    fact('points of curves', points, curves.map(d => Math.max(2, d.kl_curve.length)));
    fact('layers', count('rect.layer'), Math.min(40, m.layers.length));
  }
  if (report.reference) fact('parts', count('rect.part'), report.reference.parts.length);
  fact('executable scripts', [...document.scripts].filter(s => s.type !== 'application/json').length, 0);
  return {shown, due};
})()"""

# Texts of charts that overlap each other or leave the page, and whatever makes the page scroll sideways.
LAYOUT = """(() => {
  const wrong = [], wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide)
    wrong.push(`the page is ${document.documentElement.scrollWidth} px wide, the screen ${wide}`);
  for (const svg of document.querySelectorAll('svg[role=img]')) {
    if (!svg.getAttribute('aria-label')) wrong.push('a chart without a label');
    const texts = [...svg.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()]);
    for (const [text, a] of texts) {
      if (a.left < 0 || a.right > wide) wrong.push(`"${text}" leaves the page`);
      const box = svg.closest('section, header').getBoundingClientRect();
      if (a.left < box.left || a.right > box.right || a.bottom > box.bottom) wrong.push(`"${text}" leaves its box`);
    }
    texts.forEach(([text, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2)
        wrong.push(`"${text}" and "${other}" overlap in "${svg.getAttribute('aria-label')}"`);
    }));
  }
  for (const e of document.querySelectorAll('main *:not(svg *):not(.scroll *)')) {
    const box = e.getBoundingClientRect();
    if (box.right > wide + 1) wrong.push(`<${e.tagName.toLowerCase()} class="${e.className}"> ends at ${box.right} px`);
  }
  for (const e of document.querySelectorAll('body *'))
    if (e.childNodes.length && getComputedStyle(e).fontSize.replace('px', '') < 11.5 && e.textContent.trim())
      wrong.push(`small text: ${e.textContent.slice(0, 40)}`);
  return wrong.slice(0, 20);
})()"""


def check_page(browser, page, pictures):
    """What is wrong with it, as sentences."""
    browser.events.clear()
    address = page.resolve().as_uri()
    browser.call("Page.navigate", url=address)
    browser.wait_for("Page.loadEventFired")
    wrong = []
    facts = browser.evaluate(FACTS)
    for name, is_there in facts["shown"].items():
        if is_there != facts["due"][name]:
            wrong.append(f"{name}: shown {is_there}, the JSON says {facts['due'][name]}")
    for screen, (width, height) in SCREENS.items():
        for scheme in ("light", "dark"):
            browser.show(width, height, scheme)
            wrong += [f"{screen}: {text}" for text in browser.evaluate(LAYOUT)] if scheme == "light" else []
            page_is_dark = browser.evaluate(
                "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(part => part < 128)")
            if page_is_dark != (scheme == "dark"):
                wrong.append(f"{screen}: the page does not follow the colour scheme {scheme}")
            if pictures:
                browser.picture(pictures / f"{page.stem}-{screen}-{scheme}.png")
    for event in browser.events:
        params = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent" and params["request"]["url"] not in (address, "data:,"):
            wrong.append(f"asked for {params['request']['url'][:200]}")
        elif event["method"] in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            wrong.append(f"console: {json.dumps(params)[:400]}")
    return wrong, facts["shown"]


# What check_page() has to see: a picture from elsewhere, a script, a text on another, a box that is too wide.
DAMAGE = """<img src="http://127.0.0.1:9/x.png"><script>console.log(1)</script><section style="width:3000px">
<svg role="img" aria-label="x" width="100%" height="30"><text y="20">one</text><text y="20">two</text></svg></section>"""


def check_the_check(browser, page):
    damaged = page.with_name("damaged.html")
    damaged.write_text(page.read_text().replace("</main>", DAMAGE + "</main>"))
    wrong = "; ".join(check_page(browser, damaged, None)[0])
    for part in ("console: ", "px wide", "overlap", "executable scripts"):
        if part not in wrong:
            sys.exit(f"the check does not see damage: {part} is not in {wrong}")


def check_pages(program, folder, pages, pictures):
    """How many of them are wrong."""
    browser, failed = Browser(program, folder), 0
    try:
        browser.open_tab()
        for page in pages:
            wrong, shown = check_page(browser, page, pictures)
            print(f"{'FAILED' if wrong else 'ok':8}{page.name}: {json.dumps(shown)}")
            for text in wrong:
                print(f"        {text}")
            failed += bool(wrong)
        check_the_check(browser, pages[-1])
    finally:
        browser.close()
    return failed


def real_page(mlc, folder):
    """The report of the small trained model."""
    kjv = pathlib.Path(__file__).resolve().parent.parent / "data" / "kjv-llama"
    (folder / "text.txt").write_text((kjv / "reference" / "held_out.txt").read_text()[:1200])
    for command in (
            [mlc, "convert_weight", kjv, "--quantization", "q4f16_1", "-o", "model"],
            [mlc, "gen_config", kjv, "--quantization", "q4f16_1", "--conv-template", "LM", "-o", "model"],
            [mlc, "verify", "model", "--source", kjv, "--device", "cpu", "--text", "text.txt", "--html", "kjv-llama.html"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "kjv-llama.html"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("report_cli", type=pathlib.Path)
    parser.add_argument("--mlc", type=pathlib.Path)
    parser.add_argument("--page", type=pathlib.Path, action="append", default=[])
    parser.add_argument("--pictures", type=pathlib.Path)
    arguments = parser.parse_args()
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if not program:
        print("skipped: no chromium")
        return 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mlc-html-", ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name)
        pages = list(arguments.page)
        if arguments.mlc:
            pages.append(real_page(arguments.mlc.resolve(), folder))
        for kind in ("nothing", "alone", "32", "128"):
            page = folder / f"made-up-{kind}.html"
            subprocess.run([arguments.report_cli, kind, page, folder / "report.json"], check=True)
            # The page carries the same JSON that --json prints.
            text = page.read_text().split('id="report">')[1].split("</script>")[0]
            if json.loads(text) != json.loads((folder / "report.json").read_text()):
                sys.exit("the JSON in the page differs from that of --json")
            pages.append(page)
        if arguments.pictures:
            arguments.pictures.mkdir(parents=True, exist_ok=True)
        # A browser that is starved of time may hang as it starts; a page that it can't show fails twice.
        try:
            failed = check_pages(program, folder, pages, arguments.pictures)
        except NoAnswer as reason:
            print(f"once more: {reason}")
            failed = check_pages(program, folder, pages, arguments.pictures)
    print(f"{len(pages) - failed} of {len(pages)} pages are right, {time.monotonic() - begun:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
