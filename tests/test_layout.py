"""Does the house still stand as designed: imports, names, sizes, edges, and a README that tells the truth?

Every rule is one test over every module; the rules that read the syntax tree are first tried on a line that breaks them.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

import click
import pytest

from models.settings import SETTINGS
from tests.house import (
    FOLDERS,
    FUNCTIONS,
    ROOT,
    clock,
    code_lines,
    commit,
    empty_verb,
    environment,
    floating,
    functions,
    listing,
    modules,
    offences,
    source,
    synonym,
    tree,
    unescaped,
    vague,
)

COVERED_BY = {
    "analytics/budgets.py": "test_admin_budgets.py",
    "models/accounts.py": "test_models_schema.py",
    "models/base.py": "test_models_schema.py",
    "models/campaigns.py": "test_models_schema.py",
    "models/charges.py": "test_models_schema.py",
    "models/consent.py": "test_models_schema.py",
    "models/contacts.py": "test_models_schema.py",
    "models/countries.py": "test_models_schema.py",
    "models/flags.py": "test_models_schema.py",
    "models/inbox.py": "test_models_schema.py",
    "models/jobs.py": "test_models_schema.py",
    "models/links.py": "test_models_schema.py",
    "models/notices.py": "test_models_schema.py",
    "models/messages.py": "test_models_schema.py",
    "models/opt_ins.py": "test_models_schema.py",
    "models/templates.py": "test_models_schema.py",
    "models/rules.py": "test_models_schema.py",
    "models/users.py": "test_models_schema.py",
    "models/workflows.py": "test_models_schema.py",
    "models/migrations/env.py": "test_models_schema.py",
    "sender/evidence.py": "test_sender_explanation.py",
    "sender/dispatcher.py": "test_sender_worker.py",
    "sender/blanks.py": "test_sender_erasure.py",
    "sender/claims.py": "test_sender_dispatch.py",
    "sender/erased.py": "test_sender_erasure.py",
    "sender/failures.py": "test_sender_worker.py",
    "sender/forgotten.py": "test_admin_erasure.py",
    "sender/gateway_line.py": "test_sender_gateway.py",
    "sender/outcomes.py": "test_sender_dispatch.py",
    "sender/presence.py": "test_sender_turns.py",
    "sender/rounds.py": "test_sender_worker.py",
    "sender/delays.py": "test_sender_starts.py",
    "sender/runs.py": "test_sender_starts.py",
    "sender/scopes.py": "test_sender_legal_window.py",
    "sender/settlement.py": "test_sender_restored.py",
    "sender/standing.py": "test_sender_dispatch.py",
    "sender/stale.py": "test_sender_retention.py",
    "sender/simulated_*.py": "test_sender_simulator.py",
    "sender/alone.py": "test_admin_cli_worker.py",
    "admin/cli_accounts.py": "test_admin_cli.py",
    "admin/cli_credentials.py": "test_admin_credentials.py",
    "admin/doctor_*.py": "test_admin_doctor.py",
    "admin/evidence.py": "test_admin_opt_ins.py",
    "admin/glances.py": "test_admin_health.py",
    "admin/join.py": "test_admin_opt_ins.py",
    "admin/jobs.py": "test_admin_cli.py",
    "admin/measures.py": "test_admin_metrics.py",
    "admin/pictures.py": "test_admin_opt_ins.py",
    "admin/request_log.py": "test_admin_logs.py",
    "admin/serving.py": "test_admin_logs.py",
    "admin/terminal.py": "test_admin_cli.py",
    "admin/views/lawful.py": "test_admin_countries.py",
    "admin/views/contact_erase.py": "test_admin_erasure.py",
    "admin/views/freshness.py": "test_admin_erasure.py",
    "admin/views/sending_review.py": "test_admin_campaigns.py",
    "admin/views/links.py": "test_admin_short_links.py",
    "admin/views/template_drafts.py": "test_admin_templates.py",
    "admin/views/template_links.py": "test_admin_short_links.py",
    "admin/views/uploads.py": "test_admin_campaigns.py",
    "admin/views/why_*.py": "test_admin_why.py",
}
"""Modules without a test file of their own: tables, which the drift test compares with the migration, and the rooms of
the simulator, which are tested through its front door; pages that are steps of another page."""

CLOCK_EDGES = ("admin/*", "sender/simulated_schedule.py", "sender/clocks.py", "sender/webhooks.py")
ENVIRONMENT_EDGES = ("admin/config.py", "admin/demo.py", "models/migrations/env.py")
"""The demo hands its environment on to the processes that it starts."""
COMMIT_EDGES = (
    "admin/*", "sender/dispatch.py", "sender/doubts.py", "sender/outcomes.py", "sender/webhooks.py",
    "sender/worker.py", "models/base.py",
)  # fmt: skip
FLOATS = ("analytics/figures.py", "sender/gateway_errors.py", "sender/simulated_*.py", "sender/simulator.py")
"""Where a figure is drawn, seconds are read from a header, or an accident is played by chance: never money."""

VAGUE_FILES = {"utils.py", "util.py", "helpers.py", "common.py", "constants.py", "services.py", "core.py", "misc.py"}
MOCKS = re.compile(r"\bmock\.|\bmocker\.|\bmonkeypatch\.|Magic[M]ock|\bpatch\(|\bpretend\.")
ONE_MACHINE = (
    r"(^|[^A-Za-z0-9_.-])/(work|farm|root|tmp)/[A-Za-z0-9._-]+"
    r"|pypi[.]org|pythonhosted[.]org|registry[.]npmjs|deb[.]debian[.]org"
)
SECRET = r"-----BEGIN [A-Z ]*PRIVATE[ ]KEY-----|AKIA[0-9A-Z]{16}|xox[bp]-[0-9]{8}|sk_live_[0-9A-Za-z]{8}"
GENERATED = re.compile(
    r"(^|/)(\.venv|\.make|__pycache__|\.ipynb_checkpoints|node_modules|dist|build|var|shots)/"
    r"|\.(py[cod]|db|sqlite3?|db-wal|db-shm|log|pem|key|parquet)$|(^|/)\.env|\.egg-info/|(^|/)\.coverage"
)
VENDOR = "admin/static/vendor/"
"""Other people's files, each with its licence beside it and its version in the folder's README."""
LARGEST = 1_000_000
"""Bytes; a larger file is data or a build, and belongs elsewhere."""


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (clock, "x = datetime.now(UTC)", "x = now"),
        (clock, "x = datetime.datetime.utcnow()", "x = datetime.fromtimestamp(1, UTC)"),
        (clock, "def f(clock=datetime.now): ...", "def f(now): ..."),
        (clock, "x = date.today()", "x = now.date()"),
        (clock, "x = time.time()", "x = time.monotonic()"),
        (clock, "from time import time", "from time import sleep"),
        (environment, "x = os.environ['A']", "x = os.path"),
        (environment, "from os import getenv", "from os import path"),
        (commit, "session.commit()", "session.flush()"),
        (floating, "x = float(price)", "x: float = 1.5"),
        (unescaped, "Markup(f'<b>{x}</b>')", "Markup('<b>{}</b>').format(x)"),
        (unescaped, "markupsafe.Markup('<b>%s</b>' % x)", "Markup('<b>')"),
        (vague, "class RunManager: ...", "class Managed: ..."),
        (vague, "class BaseView: ...", "class Basement: ..."),
        (empty_verb, "def get_rate(): ...", "def rate(): ..."),
        (empty_verb, "class A:\n def handle_it(self): ...", "class A(View):\n def get_query(self): ..."),
        (synonym, "fragment_count = 1", "x = url.fragment"),
        (synonym, "def f(recipient_number): ...", "def f(phone): ..."),
    ],
)
def test_a_rule_sees_the_line_that_breaks_it(rule: Callable[[ast.AST], str | None], bad: str, good: str) -> None:
    """Each rule finds its offence and lets the right way pass, so that a clean house means something."""
    assert any(rule(node) for node in ast.walk(ast.parse(bad)))
    assert not any(rule(node) for node in ast.walk(ast.parse(good)))


@pytest.mark.parametrize(
    ("rule", "allowed", "because"),
    [
        (clock, CLOCK_EDGES, "only edges read the clock; take `now` as an argument"),
        (environment, ENVIRONMENT_EDGES, "every environment variable is read once, in admin/config.py"),
        (commit, COMMIT_EDGES, "only edges commit; flush instead"),
        (floating, FLOATS, "money is Decimal or integer micros, and a float near it will meet it one day"),
        (unescaped, (), 'compose with Markup("…{}…").format(…), which escapes'),
        (vague, ("models/base.py",), "name a class for what it is"),
        (empty_verb, (), "name a function for what it gives or does"),
        (synonym, (), "the glossary has one word for it: segment, consent, phone"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_no_module_breaks_a_rule(rule: Callable[[ast.AST], str | None], allowed: tuple[str, ...], because: str) -> None:
    """Clock, environment, commits, floats, markup and names are as the design says, in every module."""
    found = offences(rule, allowed=allowed)
    assert not found, because + listing(found)


@pytest.mark.parametrize(
    "allowed", [CLOCK_EDGES, ENVIRONMENT_EDGES, COMMIT_EDGES], ids=["clock", "environment", "commit"]
)
def test_no_edge_is_named_in_vain(allowed: tuple[str, ...]) -> None:
    """An exception for a module that is gone is taken off the list."""
    gone = [pattern for pattern in allowed if not any(fnmatch(name, pattern) for name in modules())]
    assert not gone, f"these edges do not exist: {gone}"


def test_imports_point_one_way() -> None:
    """The import contracts of pyproject.toml hold: layers, and one importer each for Twilio, plotly and DBOS."""
    linter = Path(sys.executable).with_name("lint-imports")
    answer = subprocess.run([str(linter), "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_module_says_what_it_answers() -> None:
    """Every module, test files included, opens with a docstring whose first paragraph is a sentence."""
    names = [*modules(), *(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").glob("**/test_*.py"))]
    firsts = {
        name: (ast.get_docstring(tree(name)) or "").partition("\n\n")[0].strip()
        for name in names
        if source(name).strip()
    }
    wrong = [name for name, first in firsts.items() if not first.endswith((".", "?", ":", "!"))]
    assert not wrong, "these modules need a docstring that is a sentence" + listing(wrong)


def test_every_test_says_what_it_holds() -> None:
    """Every test function has a docstring."""
    wrong = [
        f"{path.name}:{node.lineno} {node.name}"
        for path in sorted((ROOT / "tests").glob("test_*.py"))
        for node in ast.walk(tree(path.relative_to(ROOT).as_posix()))
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not wrong, "these tests do not say what they hold" + listing(wrong)


def test_every_module_has_its_test_file() -> None:
    """`sender/consent.py` is tested by `test_sender_consent.py`, a room such as `campaign_words.py` by the tests of campaigns."""
    missing = []
    for name in modules():
        if name.endswith("__init__.py") or name == "wsgi.py":
            continue
        stem = name.removesuffix(".py").replace("/views/", "/")  # the view of a noun is tested as the noun's page
        own = "test_" + stem.replace("/", "_") + ".py"
        house = "test_" + stem.rpartition("_")[0].replace("/", "_")
        named = [test for pattern, test in COVERED_BY.items() if fnmatch(name, pattern)]
        if not any((ROOT / "tests" / test).exists() for test in (own, f"{house}.py", f"{house}s.py", *named)):
            missing.append(f"{name}: tests/{(named or [own])[0]}")
    assert not missing, "these modules have no test file" + listing(missing)


def test_no_file_is_named_for_nothing() -> None:
    """There is no utils, helpers, common, constants, services or core to look through."""
    wrong = [name for name in modules() if Path(name).name in VAGUE_FILES]
    assert not wrong, "name a module for its noun" + listing(wrong)


def test_modules_stay_small() -> None:
    """No module has more than 400 lines; half have at most 90 lines of code."""
    long = [f"{name}: {source(name).count(chr(10))} lines" for name in modules() if source(name).count("\n") > 400]
    assert not long, "split by noun" + listing(long)
    sizes = [len(code_lines(source(name))) for name in modules()]
    assert median(sizes) <= 90, f"the median module has {median(sizes)} lines of code"


def test_functions_stay_small() -> None:
    """No function has more than 60 lines of code or four nested blocks; half have at most 8 lines."""
    found = [function for name in modules() for function in functions(name)]
    long = [f"{where}: {length} lines of code" for where, length, _ in found if length > 60]
    deep = [f"{where}: {blocks} blocks deep" for where, _, blocks in found if blocks > 4]
    assert not long + deep, "cut these functions" + listing(long + deep)
    sizes = [length for _, length, _ in found]
    assert median(sizes) <= 8, f"the median function has {median(sizes)} lines of code"


def test_mocks_are_nearly_absent() -> None:
    """At most 5 mock or patch uses per 1,000 lines of tests: `now` and the transport are arguments."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    uses, lines = sum(len(MOCKS.findall(text)) for text in texts), sum(text.count("\n") for text in texts)
    assert uses * 1000 <= 5 * lines, f"{uses} uses in {lines} lines"


def test_where_is_names_paths_that_exist() -> None:
    """Every path in README's "Where is" table exists, and the table has a row for each folder of the house."""
    table = source("README.md").partition("## Where is")[2].partition("\n## ")[0]
    paths = [path for row in table.splitlines() if row.startswith("|") for path in re.findall(r"`([\w./*-]+)`", row)]
    missing = [path for path in paths if not any(ROOT.glob(path))]
    assert not missing, "README names paths that do not exist" + listing(missing)
    assert {path.split("/")[0] for path in paths} >= {*FOLDERS, "notebooks", "tests"}


def commands(group: Iterable[click.Command], prefix: str = "flask --app wsgi") -> Iterator[str]:
    """Every command, as one types it."""
    for command in group:
        typed = f"{prefix} {command.name}"
        yield from commands(command.commands.values(), typed) if isinstance(command, click.Group) else [typed]


@pytest.mark.parametrize(
    "promised",
    [
        pytest.param(lambda: [option.name for option in SETTINGS], id="settings"),
        pytest.param(
            lambda: sorted(set(re.findall(r"TEXTLEDGER_[A-Z_]+", source("admin/config.py")))), id="environment"
        ),
        pytest.param(lambda: list(commands(importlib.import_module("admin.cli").COMMANDS)), id="commands"),
        pytest.param(lambda: re.findall(r"^([a-z]+):.*?## ", source("Makefile"), re.M), id="make"),
    ],
)
def test_readme_names(promised: Callable[[], list[str]]) -> None:
    """Every setting, environment variable, command and make target stands in the README, as code."""
    code = re.findall(r"`([^`\n]+)`", source("README.md")) + re.findall(r"(?ms)^```\w*\n(.*?)^```", source("README.md"))
    absent = [name for name in promised() if not any(re.search(rf"\b{re.escape(name)}\b", text) for text in code)]
    assert not absent, "README does not name" + listing(absent)


def tracked(*arguments: str) -> list[str]:
    """What git says about the committed files; skips where there is no repository, as in an unpacked archive."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    answer = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode in {0, 1}, answer.stderr
    return answer.stdout.splitlines()


def test_nothing_generated_is_committed() -> None:
    """No environment, cache, database, key, log or very large file is in the repository."""
    names = [name for name in tracked("ls-files") if (ROOT / name).exists()]
    large = [name for name in names if (ROOT / name).stat().st_size > LARGEST and not name.startswith(VENDOR)]
    wrong = large + [name for name in names if GENERATED.search(name)]
    assert not wrong, "take these out of the repository" + listing(wrong)


def test_no_secret_is_committed() -> None:
    """No committed line looks like a private key or a live credential."""
    found = tracked("grep", "-nIE", "-e", SECRET)
    assert not found, "take these out, and revoke them" + listing([line[:80] for line in found])


def test_no_line_belongs_to_one_machine() -> None:
    """No committed line names a path of one machine or a host of a package registry."""
    found = tracked("grep", "-nIE", "-e", ONE_MACHINE, "--", ".", ":!*.svg")
    assert not found, "a reader elsewhere can do nothing with these" + listing([line[:160] for line in found])
