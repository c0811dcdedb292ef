"""What all tests share."""

import contextlib
import logging
import os
import shutil
import sys
from pathlib import Path

# Most of a small training is compiling, and most of that is optimizing what then runs for a moment.
# Before JAX and Numba are loaded, here and in all processes that tests start.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
os.environ.setdefault("NUMBA_OPT", "0")

import jax
import pytest
from filelock import FileLock

from support import clean_environment, execute_pages, run, serve
from unrolled import compute, widgets

# Simulated devices for the tests of many. All others compute on the first.
jax.config.update("jax_num_cpu_devices", 4)

ROOT = Path(__file__).parents[1]
WIDGETS = ROOT / "book" / "_static" / "widgets"
#: A quarter of the time of all tests: each chapter runs alone.
LONGEST = "test_downloads.py"


def pytest_configure(config):
    # When PyTensor loads Numba, it turns off two of its warnings as mistaken. The filters of
    # pytest come before those of PyTensor, so they have to say it too.
    for message in ("is faster on contiguous arrays", "Cannot cache compiled function"):
        config.addinivalue_line("filterwarnings", f"ignore:.*{message}")


def pytest_collection_modifyitems(items):
    """Let one worker build the site, for the longest file of all, while the other does the rest.

    What else needs the site comes last; of that each file is short, and no worker waits for long.
    """
    needing = {item.path for item in items if "build" in item.fixturenames}

    def turn(item):
        return item.path.name != LONGEST, item.path in needing

    items.sort(key=turn)


@pytest.fixture
def float64():
    """Compute in float64 during one test; precision belongs to the whole process."""
    compute.use_precision("float64")
    yield
    compute.use_precision("float32")


@pytest.fixture
def optimized():
    """Compile during one test as a user does."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", before)


class Told(logging.Handler):
    """Keeps what JAX says that it compiles."""

    def __init__(self):
        super().__init__()
        self.names = []

    def emit(self, record):
        message = record.getMessage()
        if message.startswith("Compiling "):
            self.names.append(message.split()[1])


@pytest.fixture
def compiled():
    """Listen to JAX: `with compiled() as names` gives what it compiles meanwhile."""

    @contextlib.contextmanager
    def listen():
        told, logger = Told(), logging.getLogger("jax._src.interpreters.pxla")
        logger.addHandler(told)
        try:
            with jax.log_compiles():
                yield told.names
        finally:
            logger.removeHandler(told)

    return listen


@pytest.fixture(scope="session")
def build(tmp_path_factory) -> Path:
    """The folder of a book built from nothing, with warnings as errors.

    Where tests run in several processes, the first to ask builds it for all.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "book"
    with FileLock(shared / "book.lock"):
        if not (folder / "html" / "downloads" / "unrolled.epub").exists():
            make_book(folder)
    return folder


def make_book(folder: Path) -> None:
    """Do what `make html` does, in another folder."""
    folder.mkdir(exist_ok=True)
    execute_pages(folder)
    for builder in ("html", "epub"):
        built = run(
            *(sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"),
            *("-b", builder, "-c", ROOT, "-d", folder / "doctrees"),
            *(ROOT / "book", folder / builder),
            env=clean_environment(UNROLLED_BUILD=str(folder)),
        )
        assert built.returncode == 0, built.stderr
    downloads = folder / "html" / "downloads"
    shutil.copy(folder / "epub" / "unrolled.epub", downloads)


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium. Without one the test is skipped, unless UNROLLED_CHROMIUM names it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("UNROLLED_CHROMIUM") or next(
        filter(None, map(shutil.which, names)), None
    )
    if not path:
        pytest.skip("no Chromium here to open pages in")
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, build):
    """Open a page, from disk or at an address: visit(page, width, scheme) gives the browser's."""
    contexts = []

    def open_page(page, width=1300, scheme="light", at="", **options):
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, **options
        )
        contexts.append(context)
        opened = context.new_page()
        opened.asked = []
        opened.on("pageerror", lambda error: pytest.fail(f"in the page: {error}"))
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.goto(f"{at or (build / 'html').as_uri()}/{page}.html")
        return opened

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def served(build):
    """The address of the site on a server, where 404.html finds its style."""
    with serve(build / "html") as address:
        yield address


@pytest.fixture
def live(chromium, tmp_path):
    """Open a page that holds one live model: live(name, **content) gives the browser's page."""
    contexts = []

    def open_page(name, width=900, **content):
        shutil.copytree(WIDGETS, tmp_path / "widgets", dirs_exist_ok=True)
        (tmp_path / "widgets" / "data").mkdir(exist_ok=True)
        data = widgets.WidgetData(name, **content)
        (tmp_path / "widgets" / "data" / f"{name}.js").write_text(data.script())
        (tmp_path / "page.html").write_text(
            "<!doctype html><meta charset=utf-8><title>A page</title>"
            "<script src=widgets/core.js defer></script>"
            f"<div class=widget data-widget={name}>Without scripts</div>"
        )
        context = chromium.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(f"in the page: {error}"))
        page.goto((tmp_path / "page.html").as_uri())
        page.wait_for_selector(".widget.live")
        return page

    yield open_page
    for context in contexts:
        context.close()
