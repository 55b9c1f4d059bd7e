"""Loads a page in headless Chromium and says, as JSON, what a reader gets: by DevTools' protocol over a pipe."""
import base64, json, os, subprocess, sys

page, folder, *widths = sys.argv[1:]
ours, theirs = os.pipe(), os.pipe()


def descriptors():
    # the browser reads commands from 3 and writes answers to 4; both pipes may be there already
    commands, answers = os.dup(ours[0]), os.dup(theirs[1])
    commands, answers = os.dup(commands), os.dup(answers)
    os.dup2(commands, 3)
    os.dup2(answers, 4)


command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
           f"--user-data-dir={folder}/profile", "about:blank"]
quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
browser = subprocess.Popen(command, close_fds=False, preexec_fn=descriptors, env={**os.environ, "HOME": folder}, **quiet)
os.close(ours[0])
os.close(theirs[1])
answers = os.fdopen(theirs[0], "rb")
events, waiting, number = [], b"", 0


def message():
    global waiting
    while b"\0" not in waiting:
        more = answers.raw.read(65536) if hasattr(answers, "raw") else answers.read1(65536)
        if not more:
            sys.exit("the browser ended")
        waiting += more
    one, waiting = waiting.split(b"\0", 1)
    return json.loads(one)


def ask(method, session=None, **parameters):
    global number
    number += 1
    question = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
    os.write(ours[1], json.dumps(question).encode() + b"\0")
    while True:
        answer = message()
        if answer.get("id") == number:
            assert "result" in answer, answer
            return answer["result"]
        events.append(answer)


def wait(method):
    while not any(event.get("method") == method for event in events):
        events.append(message())


# what sticks out of the window, and texts that are cut off or are on another
LAYOUT = """(() => {
  const width = document.documentElement.clientWidth, out = [];
  for (const one of document.querySelectorAll("body *")) {
    const box = one.getBoundingClientRect();
    if (box.width && (box.right > width + 0.5 || box.left < -0.5)) out.push(one.outerHTML.slice(0, 80));
    if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth && !one.closest("svg")) out.push("cut: " + one.outerHTML.slice(0, 80));
  }
  for (const svg of document.querySelectorAll("svg")) {
    const frame = svg.getBoundingClientRect(), texts = [...svg.querySelectorAll("text")].map(t => t.getBoundingClientRect());
    if (texts.some(t => t.left < frame.left - 1 || t.right > frame.right + 1)) out.push("chart: " + svg.getAttribute("aria-label"));
  }
  return {width, page: document.documentElement.scrollWidth, out};
})()"""
# the weakest contrast between a text and what is behind it, by WCAG 2: 4.5 is enough
CONTRAST = """(() => {
  const channels = text => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = one => {
    for (; one; one = one.parentElement) {
      const color = channels(getComputedStyle(one).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  let worst = {ratio: 21, of: ""};
  for (const one of document.querySelectorAll("body *")) {
    if (![...one.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
    const style = getComputedStyle(one), color = one.closest("svg") ? style.fill : style.color;
    const [a, b] = [luminance(channels(color)), luminance(behind(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst.ratio) worst = {ratio, of: one.outerHTML.slice(0, 80)};
  }
  return {...worst, back: luminance(behind(document.body))};
})()"""
CONTENT = """({
  title: document.title, heading: document.querySelector("h1").innerText, text: document.body.innerText,
  numbers: Object.fromEntries([...document.querySelectorAll("dd[id]")].map(one => [one.id, one.innerText])),
  lists: Object.fromEntries([...document.querySelectorAll("h2 + ul")].map(list =>
    [list.previousElementSibling.innerText, [...list.children].map(one => one.innerText)])),
  faults: [...document.querySelectorAll("td[data-column=code]")].map(one => one.innerText),
  bars: Object.fromEntries([...document.querySelectorAll("svg")].map(svg => [svg.getAttribute("aria-label"),
    [...svg.querySelectorAll("text")].map(one => one.textContent)])),
})"""

target = ask("Target.createTarget", url="about:blank")["targetId"]
session = ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
for domain in ("Page", "Network", "Log", "Runtime"):
    ask(f"{domain}.enable", session)
ask("Page.navigate", session, url="file://" + os.path.abspath(page))
wait("Page.loadEventFired")


def evaluated(expression):
    answer = ask("Runtime.evaluate", session, expression=expression, returnByValue=True)
    assert "exceptionDetails" not in answer, answer
    return answer["result"]["value"]


report = {"content": evaluated(CONTENT), "layouts": []}


def emulate(width, scheme, media=""):
    ask("Emulation.setDeviceMetricsOverride", session, width=int(width), height=900, deviceScaleFactor=1, mobile=False)
    ask("Emulation.setEmulatedMedia", session, media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])


def shoot(name):
    if "REROOT_SCREENSHOTS" in os.environ:
        shot = ask("Page.captureScreenshot", session, captureBeyondViewport=True)
        with open(f"{os.environ['REROOT_SCREENSHOTS']}/{os.path.basename(page)}-{name}.png", "wb") as file:
            file.write(base64.b64decode(shot["data"]))


for width in widths:
    emulate(width, "light")
    report["layouts"].append(evaluated(LAYOUT))
    shoot(width)
report["contrast"] = {"light": evaluated(CONTRAST)}
emulate(widths[0], "dark")
report["contrast"]["dark"] = evaluated(CONTRAST)
shoot("dark")
# A4 at 96 dots an inch, without its margins; the reader's screen is dark
emulate(718, "dark", "print")
report["contrast"]["print"] = evaluated(CONTRAST)
report["layouts"].append(evaluated(LAYOUT))
shoot("print")
emulate(widths[0], "light")
report["pdf"] = len(base64.b64decode(ask("Page.printToPDF", session)["data"]))
asked = [event["params"]["request"]["url"] for event in events if event.get("method") == "Network.requestWillBeSent"]
report["requests"] = [url for url in asked if not url.endswith("/" + os.path.basename(page))]
spoken = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Page.javascriptDialogOpening")
report["console"] = [event["params"] for event in events if event.get("method") in spoken]
os.write(ours[1], b'{"id": 0, "method": "Browser.close"}\0')
browser.wait(20)
print(json.dumps(report))
