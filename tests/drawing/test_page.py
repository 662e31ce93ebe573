"""The page in a real browser: load, search, click, keys, edit, an error, the file's changes."""

from __future__ import annotations

import json
import re
import shutil
import threading
from pathlib import Path

import pytest
from nets import HOSTILE, SIAMESE, ZOO, hostile, resnet152, resnet_cifar

import protonet
from protonet.drawing.compose import Style
from protonet.drawing.drawing import exported
from protonet.drawing.live import Session
from protonet.drawing.server import Server
from protonet.selection import DEFAULT, Selection

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
LENET = ZOO / "lenet" / "deploy.prototxt"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

SELECTED = """() => {
  const text = document.querySelector('#text');
  return text.value.slice(text.selectionStart, text.selectionEnd);
}"""
COLOUR = """selector => {
  const style = getComputedStyle(document.querySelector(selector));
  return selector === '#stage' ? style.backgroundColor : style.fill;
}"""

DRAWN = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, served):  # noqa: ARG001 (it is to be torn down later)
    """A function that opens an address; at the end no script may have complained.

    The server outlives the pages: one that asks it for changes must not find it gone.
    """
    complaints, pages = [], []

    def open_page(url, scheme="light"):
        page = browser.new_page(viewport={"width": 1300, "height": 850}, color_scheme=scheme)
        page.set_default_timeout(60_000)  # the first question for PyTorch imports torch
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        requests = page.requests_made = []
        page.goto(url)
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


@pytest.fixture
def served(tmp_path):
    path = tmp_path / "net.prototxt"
    path.write_text(LENET.read_text())
    with Server(Session(str(path), DEFAULT, Style())) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server, path
        server.shutdown()
        thread.join()


def written(tmp_path, html):
    path = tmp_path / "page.html"
    path.write_text(html, encoding="utf-8")
    return path.as_uri()


def data(html):
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL).group(1))


def test_the_page_needs_no_network_and_shows_a_layer(opened, tmp_path):
    selection = Selection.of(shapes={"data": (1, 3, 224, 224)})
    html = exported(ZOO / "googlenet" / "deploy.prototxt", Style(), selection)
    page = opened(written(tmp_path, html))
    assert page.title() == "GoogLeNet · protonet"
    page.locator("[data-box='1'] .title").click()
    said = page.locator("#panel").inner_text()
    for words in ("conv1/7x7_s2", "num_output", "9,472", "118,013,952", "7×7", "1×64×112×112"):
        assert words in said
    assert 'name: "conv1/7x7_s2"' in page.locator(".prototxt").first.inner_text()
    lines = page.locator(".pytorch").first.inner_text()
    assert "self.conv1_7x7_s2 = nn.Conv2d(3, 64, 7, stride=2, padding=3)" in lines
    assert "F.relu(self.conv1_7x7_s2(data))" in lines
    assert [url for url in page.requests_made if not url.startswith(("file:", "data:"))] == []


def test_search_finds_layers_of_collapsed_blocks(opened, tmp_path):
    page = opened(written(tmp_path, protonet.draw(resnet152()).html))
    assert page.locator(".badge").all_text_contents() == ["× 3", "× 8", "× 36", "× 3"]
    page.keyboard.press("/")
    page.keyboard.type("res4b17_branch2b")
    assert page.locator("#matches li").count() == 4
    page.keyboard.press("Enter")
    page.wait_for_selector(".card.chosen")
    assert page.locator("#panel h2").inner_text() == "res4b17_branch2b"
    assert page.locator(".badge").count() == 0
    assert page.locator("#blocks").get_attribute("aria-pressed") == "false"
    assert page.locator(".card.chosen").bounding_box()["y"] > 40
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    assert page.locator(".badge").count() == 4


def test_a_whole_name_is_found_first_and_brought_to_the_middle(opened, tmp_path):
    page = opened(written(tmp_path, protonet.draw(ZOO / "googlenet" / "deploy.prototxt").html))
    page.keyboard.press("/")
    page.keyboard.type("inception_4c/5x5")  # which inception_4c/5x5_reduce holds, too
    page.keyboard.press("Enter")
    page.wait_for_selector(".card.chosen")
    page.evaluate(DRAWN)
    assert page.locator("#panel h2").inner_text() == "inception_4c/5x5"
    card, stage = (page.locator(e).bounding_box() for e in (".card.chosen .body", "#stage"))
    middles = [box["x"] + box["width"] / 2 for box in (card, stage)]
    assert abs(middles[0] - middles[1]) < 2


def test_the_keyboard_alone_is_enough(opened, tmp_path):
    page = opened(written(tmp_path, exported(SIAMESE, Style(), Selection("TRAIN"))))
    page.locator("#stage").focus()
    seen = []
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
        seen.append(page.locator("#panel h2").inner_text())
    assert seen[:3] == ["pair", "slice", "conv"]
    assert seen[3:] == ["conv_p", "feat_p", "loss"]
    assert "shares w, v" in page.locator("[data-box='2']").text_content()
    assert page.locator("#stage").get_attribute("aria-activedescendant").startswith("card")
    assert "loss (ContrastiveLoss)" in page.locator("#said").inner_text()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "panel"
    page.keyboard.press("Escape")
    assert page.locator("#panel").is_hidden()
    before = page.locator("#world").get_attribute("transform")
    page.keyboard.press("+")
    page.evaluate(DRAWN)
    assert page.locator("#world").get_attribute("transform") != before
    buttons = page.locator("button:visible")
    for index in range(buttons.count()):
        own = buttons.nth(index)
        assert own.inner_text().strip() or own.get_attribute("aria-label")


def test_dragging_and_the_wheel_move_the_net(opened, tmp_path):
    page = opened(written(tmp_path, protonet.draw(LENET).html))
    card = page.locator("[data-box='1'] .body")
    before = card.bounding_box()
    page.mouse.move(900, 700)
    page.mouse.down()
    page.mouse.move(960, 740, steps=4)
    page.mouse.up()
    page.evaluate(DRAWN)
    moved = card.bounding_box()
    assert moved["x"] - before["x"] == pytest.approx(60, abs=1)
    assert moved["y"] - before["y"] == pytest.approx(40, abs=1)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -120)
    page.keyboard.up("Control")
    page.evaluate(DRAWN)
    assert card.bounding_box()["width"] > 1.3 * moved["width"]
    assert page.locator("#panel").is_hidden()


def test_light_and_dark(opened, tmp_path):
    url = written(tmp_path, protonet.draw(LENET).html)
    colours = {}
    for scheme in ("light", "dark"):
        page = opened(url, scheme)
        colours[scheme] = [page.evaluate(COLOUR, s) for s in ("#stage", ".title", ".card .body")]
        page.keyboard.press("t")
        swapped = page.evaluate(COLOUR, "#stage")
        colours[f"{scheme} swapped"] = swapped
    assert colours["light"][0] == colours["dark swapped"] == "rgb(255, 255, 255)"
    assert colours["dark"][0] == colours["light swapped"]
    assert all(a != b for a, b in zip(colours["light"], colours["dark"], strict=True))


def test_hostile_names_are_text_on_the_page(opened, tmp_path):
    html = exported(hostile(), Style())
    assert "<script>alert" not in html
    page = opened(written(tmp_path, html))
    assert page.locator("#name").inner_text() == "</title><script>alert(2)</script>"
    titles = page.locator(".title").all_text_contents()
    assert "<script>alert(1)</script>" in titles
    page.locator(".card").nth(2).click()
    assert "onerror" in page.locator("#panel").inner_text()
    assert page.locator("img, iframe, object, embed").count() == 0
    assert page.locator("script").count() == 2
    assert len(titles) == len(HOSTILE) + 1


def test_a_thousand_layers_stay_fluid(opened, tmp_path):
    page = opened(written(tmp_path, protonet.draw(resnet_cifar(302)).html))
    page.keyboard.press("b")
    assert page.locator(".card").count() > 400
    worst = page.evaluate(
        """async () => {
          const frame = () => new Promise(requestAnimationFrame);
          const stage = document.querySelector('#stage');
          let times = [], last = performance.now();
          for (let i = 0; i < 60; i += 1) {
            stage.dispatchEvent(new WheelEvent('wheel', { deltaY: 90, cancelable: true }));
            await frame();
            times.push(performance.now() - last);
            last = performance.now();
          }
          return times.sort((a, b) => a - b)[30];
        }"""
    )
    # The median frame; 60 a second are 17 ms, and the machine of the tests has other work.
    assert worst < 50


def test_the_editor_shows_errors_and_the_graph_follows(opened, served):
    server, path = served
    page = opened(server.url)
    text = page.locator("#text")
    assert text.input_value() == path.read_text()
    text.fill(path.read_text().replace("kernel_size: 5", "kernel_sizes: 5", 1))
    problem = page.locator("#problems li")
    problem.wait_for()
    assert "has no field 'kernel_sizes'" in problem.inner_text()
    assert "did you mean 'kernel_size'" in problem.inner_text()
    assert page.locator("#marks mark").inner_text().startswith("kernel_sizes")
    assert page.locator("#stale").is_visible()
    assert page.locator(".card").count() == 8
    problem.locator("button").click()
    assert page.evaluate(SELECTED).startswith("kernel_sizes")
    text.fill(path.read_text().replace('name: "ip1"', 'name: "hidden"', 1))
    page.locator(".title", has_text="hidden").wait_for()
    assert page.locator("#problems li").count() == 0
    assert page.locator("#stale").is_hidden()
    assert 'name: "hidden"' not in path.read_text()
    page.keyboard.press("Control+s")
    page.locator("#state", has_text=re.compile("^saved$")).wait_for()
    assert 'name: "hidden"' in path.read_text()
    text.fill(path.read_text() + " ")
    text.fill(path.read_text())
    page.locator(".card .title", has_text="conv1").click()
    page.locator(".emit").first.click()
    page.locator(".pytorch").first.wait_for()
    assert "nn.Conv2d(1, 20, 5)" in page.locator(".pytorch").first.inner_text()
    assert {url.partition(server.host)[0] for url in page.requests_made} <= {"http://", "data:,"}


COLOURED = """() => {
  const found = {};
  for (const part of document.querySelectorAll('#colours span'))
    (found[part.className] ||= []).push(part.textContent);
  const style = getComputedStyle(document.querySelector('#colours .string'));
  return [found, document.querySelector('#colours').textContent, style.color];
}"""
LONG = """() => {
  const text = document.querySelector('#text');
  text.value = Array.from({ length: 30000 }, (_, i) => `# line ${i}`).join('\\n');
  text.dispatchEvent(new Event('input'));
  text.scrollTop = 20 * 20000;
}"""
WORDS = """# it's "all"
layer { name: "a # b" type: 'In\\'put'  # behind
  top: "d" input_param { shape: { dim: 1 dim: -2.5e-3 } } pool: MAX kernel_size: 3 }
"""


def test_the_editor_has_colours(opened, served):
    page = opened(served[0].url)
    page.locator("#text").fill(WORDS)
    found, text, light = page.evaluate(COLOURED)
    assert found == {
        "comment": ['# it\'s "all"', "# behind"],
        "block": ["layer", "input_param", "shape"],
        "string": ['"a # b"', "'In\\'put'", '"d"'],
        "number": ["1", "-2.5e-3", "3"],
        "word": ["MAX"],
    }
    assert text.rstrip() == WORDS.rstrip()
    page.locator("#theme").click()
    assert page.evaluate(COLOURED)[2] != light
    page.evaluate(LONG)
    page.wait_for_function("document.querySelector('#colours').textContent.includes('line 20010')")
    shown = page.locator("#colours .comment").all_text_contents()
    assert "# line 20000" in shown
    assert len(shown) < 100


def test_pytorch_of_an_earlier_text_is_not_shown(opened, served):
    server, path = served
    page = opened(server.url)
    server.session.torch = lambda _text: begun.set() or (go.wait(30) and {"torch": {}})
    begun, go = threading.Event(), threading.Event()
    page.locator(".card .title", has_text="conv1").click()
    page.locator(".emit").click()
    assert begun.wait(30)
    assert page.locator(".emit").inner_text() == "Compiling …"
    page.locator("#text").fill(path.read_text() + "# more\n")
    with page.expect_response("**/torch"):
        go.set()
    page.locator(".emit:enabled", has_text="Show its PyTorch").wait_for()


def test_the_page_follows_the_file_and_keeps_what_one_types(opened, served):
    server, path = served
    page = opened(server.url)
    original = path.read_text()
    path.write_text(original.replace("conv1", "first"))
    page.locator(".title", has_text="first").wait_for()
    assert "first" in page.locator("#text").input_value()
    page.locator("#text").fill(original.replace("conv2", "typed"))
    page.locator(".title", has_text="typed").wait_for()
    path.write_text(original.replace("conv1", "again"))
    page.locator("#reload").wait_for()
    assert "typed" in page.locator("#text").input_value()
    page.locator("#reload").click()
    page.locator(".title", has_text="again").wait_for()
    assert page.locator("#text").input_value() == path.read_text()


def test_a_file_with_errors_opens_too(opened, served):
    server, path = served
    path.write_text('layer { name: "a" type: "RelU" bottom: "x" top: "a" }\n')
    page = opened(server.url)
    assert "did you mean 'ReLU'" in page.locator("#problems").inner_text()
    page.locator("#text").fill(LENET.read_text())
    page.locator(".title", has_text="conv1").wait_for()


def test_the_page_is_one_file_of_data_and_two_hashes():
    html = protonet.draw(LENET).html
    assert html == protonet.draw(LENET).html
    assert not re.search(r'(src|href)="(?!data:,)', html)
    assert "unsafe-inline" not in html
    boxes = data(html)["boxes"]
    assert [box["layers"][0]["name"] for box in boxes][:2] == ["data", "conv1"]
    assert boxes[1]["layers"][0]["start"] == Path(LENET).read_text()[
        : Path(LENET).read_text().index('name: "conv1"')
    ].count("\n")
