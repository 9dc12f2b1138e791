#!/usr/bin/env python3
"""Changes the code of `src` in one place at a time and sees whether a test fails ("Mutants" in CONTRIBUTING.md).

    .ci/mutants.py                                  # all of src
    .ci/mutants.py --file src/rules/reason.rs       # the options are those of `cargo mutants --list`

cargo-mutants says what to change. It would build everything anew for each change; this builds all changes into
one library instead. A function with four mutants gets five bodies, and an environment variable says which of them
runs. Then each test is run alone once, to see which functions it enters, and each mutant is run under those tests
only that enter its function, the quick ones first. Mutants of constants, and in functions that return `impl Trait`,
cannot stand beside each other and are built one by one.

The results are in target/mutants: `living.txt`, `caught.txt` with the test that fails, `unviable.txt` with what the
compiler says.
"""

import bisect, collections, concurrent.futures, json, os, pathlib, re, resource, shutil, signal, subprocess, sys, time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESULTS = ROOT / "target/mutants"
CPUS = os.cpu_count() or 1
# A mutant may never end, and may take all memory there is.
SLOWER, AT_LEAST, MEMORY = 10, 20, 6 << 30
# Seconds that a test takes alone. A mutant is done at the first test that fails, so the quick ones come first, and
# mutants that live under them go on to the next. What takes longer than the last (caches, a fleet
# through years) is left out.
TIERS = (0.1, 0.5, 1.5, 5.0, 25.0)

ALL = ["--lib", "--bins", "--tests", "--examples"]
# For all builds, also those that tests start, so that none of them builds anew. A function with many bodies takes
# more of the stack than each of them.
ENV = dict(os.environ, RUSTFLAGS="--cap-lints=allow", CARGO_PROFILE_DEV_DEBUG="0", CARGO_TERM_COLOR="never", RUST_BACKTRACE="0",
           RUST_MIN_STACK=str(64 << 20))

SWITCH = """
//! Says which body of a function runs. Written by `.ci/mutants.py`.
use std::{env, fs::{File, OpenOptions}, io::Write, sync::{OnceLock, atomic::{AtomicBool, Ordering}}};

pub(crate) fn chosen(function: usize) -> u32 {
    static CHOSEN: OnceLock<(u32, Option<File>)> = OnceLock::new();
    static ENTERED: [AtomicBool; FUNCTIONS] = [const { AtomicBool::new(false) }; FUNCTIONS];
    let (chosen, entered) = CHOSEN.get_or_init(|| {
        let chosen = env::var("MUTANT").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        let file = env::var_os("MUTANTS_ENTERED").and_then(|path| OpenOptions::new().append(true).create(true).open(path).ok());
        (chosen, file)
    });
    if let Some(mut file) = entered.as_ref() {
        if !ENTERED[function].swap(true, Ordering::Relaxed) {
            let _ = file.write_all(format!("{function}\\n").as_bytes());
        }
    }
    *chosen
}
"""


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def mutated(text, diff):
    """Returns the file's text with a diff of one hunk applied."""
    lines = text.split("\n")
    hunk = re.search(r"^@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@.*\n", diff, re.M)
    first, count = int(hunk[1]) - 1, int(hunk[2] or 1)
    rest = diff[hunk.end():].split("\n")
    if rest[-1] == "":
        rest.pop()
    assert not any(line.startswith("@@") for line in rest), diff
    old = [line[1:] for line in rest if line[:1] in (" ", "-", "")]
    new = [line[1:] for line in rest if line[:1] in (" ", "+", "")]
    assert lines[first:first + count] == old[:count], diff
    return "\n".join(lines[:first] + new[:len(new) - (len(old) - count)] + lines[first + count:])


def offset(text, place):
    """Returns the offset of a line and a column, which counts characters."""
    start = 0
    for _ in range(place["line"] - 1):
        start = text.index("\n", start) + 1
    return start + place["column"] - 1


TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|r(?P<h>\#*)".*?"(?P=h)|b?"(?:\\.|[^"\\])*"|b?'(?:\\.[^']*|[^'\\])'|[(){}\[\]]""", re.S)


def body_of(function):
    """Returns where the body's brace is: the first that is in no other bracket."""
    depth = 0
    for token in TOKEN.finditer(function):
        match token[0]:
            case "(" | "[":
                depth += 1
            case ")" | "]":
                depth -= 1
            case "{" if depth == 0:
                return token.start()
    return None


class Function:
    def __init__(self, number, file, span):
        self.number, self.file, self.span, self.mutants = number, file, span, []


def read_list(options):
    command = ["cargo", "mutants", "--list", "--json", "--diff", *options]
    listed = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    for number, mutant in enumerate(listed, 1):
        mutant["number"] = number
    return listed


def group(listed):
    """Returns the functions with their mutants, and the mutants that cannot be switched."""
    functions, alone = {}, []
    for mutant in listed:
        function = mutant.get("function")
        if not function or "impl " in function["return_type"]:
            alone.append(mutant)
            continue
        span = function["span"]
        key = (mutant["file"], span["start"]["line"], span["start"]["column"])
        if key not in functions:
            functions[key] = Function(len(functions), mutant["file"], span)
        functions[key].mutants.append(mutant)
    # A function in a function would get its switch in each body of the outer one.
    kept = []
    for function in functions.values():
        def within(other):
            edges = [(s["line"], s["column"]) for f in (function, other) for s in (f.span["start"], f.span["end"])]
            return other is not function and other.file == function.file and edges[2] <= edges[0] and edges[1] <= edges[3]
        if any(within(other) for other in functions.values()):
            alone += function.mutants
        else:
            kept.append(function)
    return kept, alone


def switched(text, functions, dropped):
    """Returns a file's text with all bodies, and for each line of it the mutant that it belongs to, if any."""
    out, arms, position = [], [], 0
    for function in sorted(functions, key=lambda f: offset(text, f.span["start"])):
        start, end = offset(text, function.span["start"]), offset(text, function.span["end"])
        brace = body_of(text[start:end])
        assert brace is not None, (function.file, function.span)
        bodies = []
        for mutant in function.mutants:
            if mutant["number"] in dropped:
                continue
            other = mutated(text, mutant["diff"])
            changed = other[start:len(other) - (len(text) - end)]
            at = body_of(changed)
            bodies.append((mutant["number"], changed[at:]))
        out.append(text[position:start + brace])
        if bodies:
            out.append("{ match crate::mutants_switch::chosen(%d) {\n" % function.number)
            for number, body in bodies:
                line = "".join(out).count("\n") + 1
                out.append(f"{number}u32 => {body}\n")
                arms.append((line, line + body.count("\n"), number))
            out.append(f"_ => {text[start + brace:end]}\n}} }}")
        else:
            out.append(text[start + brace:end])
        position = end
    out.append(text[position:])
    return "".join(out), arms


def write_tree(tree, functions, dropped):
    """Writes all bodies of all functions, and returns where each is."""
    files = collections.defaultdict(list)
    for function in functions:
        files[function.file].append(function)
    arms = {}
    for file, found in files.items():
        text, arms[file] = switched((ROOT / file).read_text(), found, dropped)
        write(tree / file, text)
    switch = SWITCH.replace("FUNCTIONS", str(max((function.number for function in functions), default=0) + 1))
    write(tree / "src/mutants_switch.rs", switch)
    for file, path in (("src/lib.rs", "mutants_switch.rs"), ("src/bin/sealed-session/main.rs", "../../mutants_switch.rs")):
        text = (tree / file).read_text()
        if "mod mutants_switch;" not in text:
            write(tree / file, text + f'\n#[path = "{path}"]\nmod mutants_switch;\n')
    return arms


def write(path, text):
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def cargo(tree, *arguments):
    command = ["cargo", *arguments, "--all-features", "--locked", "--message-format=json"]
    return subprocess.run(command, cwd=tree, env=ENV, capture_output=True, text=True)


def errors_of(run):
    messages = (json.loads(line) for line in run.stdout.splitlines() if line.startswith("{"))
    for message in messages:
        if message["reason"] == "compiler-message" and message["message"]["level"] == "error":
            yield message["message"]


def drop_what_does_not_compile(tree, functions, alone):
    """Takes bodies out until the rest compiles. Returns what was taken out, with the compiler's word."""
    unviable, apart = {}, {}  # where a number is in both, it is built alone
    owner = {mutant["number"]: function for function in functions for mutant in function.mutants}
    while True:
        arms = write_tree(tree, functions, unviable.keys() | apart.keys())
        found = 0
        for kind in (["--lib", "--bins"], ["--lib", "--bins", "--profile=test"]):
            errors = list(errors_of(cargo(tree, "check", *kind)))
            for error in errors:
                spans = sorted(error["spans"], key=lambda span: not span["is_primary"])
                numbers = [number for span in spans for first, last, number in arms.get(span["file_name"], ())
                           if first <= span["line_start"] <= last]
                if not numbers:
                    if error["spans"]:
                        # It is said of the function, so it is of any of its bodies: each is built alone.
                        for function in functions:
                            for span in error["spans"]:
                                near = [number for first, last, number in arms.get(span["file_name"], ()) if owner[number] is function
                                        and first - 40 <= span["line_start"] <= last + 40]
                                for number in near:
                                    apart[number] = error["message"]
                                    found += 1
                    continue
                number, message = numbers[0], error["message"]
                place = apart if "match` arms have incompatible" in message else unviable
                if number not in place:
                    place[number] = message
                    found += 1
            if errors:
                break
        if not errors:
            break
        say(f"{len(errors)} errors, {found} bodies taken out")
        if not found:
            sys.exit("\n".join(error["rendered"] for error in errors[:5]))
    alone += [mutant for function in functions for mutant in function.mutants if mutant["number"] in apart]
    return {number: why for number, why in unviable.items() if number not in apart}


class Tests:
    """The tests of all executables, how long each takes, and which functions it enters."""

    def __init__(self, executables):
        self.executables = executables
        self.times, self.entered = {}, collections.defaultdict(list)

    def see_all(self, tree):
        """Runs each test alone, without a mutant."""
        tests = []
        for target, path in self.executables.items():
            listed = subprocess.run([path, "--list", "--format=terse"], cwd=tree, env=ENV, capture_output=True, text=True, check=True)
            tests += [(target, line.removesuffix(": test")) for line in listed.stdout.splitlines() if line.endswith(": test")]
        say(f"{len(tests)} tests, each alone")
        with concurrent.futures.ThreadPoolExecutor(CPUS) as pool:
            for test, seen in zip(tests, pool.map(lambda test: self.see(tree, test), tests)):
                passed, took, entered, output = seen
                if not passed:
                    say(f"fails without a mutant, and is left out: {' '.join(test)}\n{output[-800:]}")
                elif took > TIERS[-1]:
                    say(f"takes {took:.0f} s, and is left out: {' '.join(test)}")
                else:
                    self.times[test] = took
                    for function in entered:
                        self.entered[function].append(test)

    def see(self, tree, test):
        target, name = test
        trace = RESULTS / f"entered-{abs(hash(test))}"
        trace.touch()
        trace.chmod(0o666)  # a test may start the command as another user
        start = time.monotonic()
        passed, output = run(tree, self.executables[target], [name], 600, MUTANTS_ENTERED=str(trace))
        took = time.monotonic() - start
        entered = set(map(int, trace.read_text().split()))
        trace.unlink()
        return passed, took, entered, output

    def steps(self, tests, tier):
        """Returns those of the tests that take so long, by their executable, the quickest executable first."""
        steps = collections.defaultdict(list)
        for test in tests:
            if bisect.bisect_left(TIERS, self.times[test]) == tier:
                steps[test[0]].append(test)
        return sorted(steps.values(), key=lambda step: sum(map(self.times.get, step)))

    def judge(self, tree, executables, tests, tiers, **env):
        """Returns the first of the tests that fails, if any."""
        for step in (step for tier in tiers for step in self.steps(tests, tier)):
            target = step[0][0]
            limit = AT_LEAST + SLOWER * sum(map(self.times.get, step))
            passed, output = run(tree, executables[target], [name for _, name in step], limit, **env)
            if not passed:
                failed = re.search(r"^    (\S+)$", output, re.M)
                return f"{target}: {failed[1] if failed else output.strip()[-60:]}"
        return None


def run(tree, executable, names, limit, **env):
    """Runs tests of an executable. Returns whether all pass; what does not end has failed."""
    def bound():
        os.setsid()
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    process = subprocess.Popen([executable, "--exact", *names], cwd=tree, env=ENV | {"CARGO_MANIFEST_DIR": str(tree)} | env,
                               preexec_fn=bound, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               text=True, errors="replace")
    try:
        output, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        return False, "timeout"
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    return process.returncode == 0, output


def build_tests(tree, *kinds):
    """Returns the executables by their targets' names, or what the compiler says."""
    done = cargo(tree, "test", "--no-run", *kinds)
    if done.returncode:
        return None, next((error["message"] for error in errors_of(done)), done.stderr).split("\n")[0]
    found = {}
    for line in done.stdout.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        if message.get("reason") == "compiler-artifact" and message["profile"]["test"] and message.get("executable"):
            target = message["target"]
            if target["kind"] != ["example"]:
                found["lib" if target["kind"] == ["lib"] else target["name"]] = message["executable"]
    return found, None


def copy(tree):
    """Copies what git knows of, as it is in the work tree."""
    tree.mkdir(parents=True, exist_ok=True)
    for path in tree.iterdir():
        if path.name != "target":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    names = subprocess.run(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def main():
    options = sys.argv[1:]
    RESULTS.mkdir(parents=True, exist_ok=True)
    for old in RESULTS.glob("*.txt"):
        old.unlink()
    listed = read_list(options)
    functions, alone = group(listed)
    say(f"{len(listed)} mutants in {len(functions)} functions; {len(alone)} to be built one by one")
    outcome = {}

    def note(mutant, word, why=""):
        outcome[mutant["number"]] = word
        with open(RESULTS / f"{word}.txt", "a") as file:
            file.write(mutant["name"] + (f" | {why}" if why else "") + "\n")

    tree = RESULTS / "tree"
    copy(tree)
    unviable = drop_what_does_not_compile(tree, functions, alone)
    by_number = {mutant["number"]: mutant for mutant in listed}
    for number, why in sorted(unviable.items()):
        note(by_number[number], "unviable", why.splitlines()[0])
    say(f"{len(unviable)} do not compile; {len(alone)} to be built one by one; the tests are built")
    apart = {mutant["number"] for mutant in alone}
    executables, problem = build_tests(tree, *ALL)
    if problem:
        sys.exit(problem)
    tests = Tests(executables)
    tests.see_all(tree)
    work = [(function.number, mutant) for function in functions for mutant in function.mutants
            if mutant["number"] not in unviable and mutant["number"] not in apart]
    say(f"{len(work)} mutants under the tests that enter them")
    for tier, longest in enumerate(TIERS):
        left = []
        with concurrent.futures.ThreadPoolExecutor(CPUS + 1) as pool:
            judged = {}
            for number, mutant in work:
                chosen = {"MUTANT": str(mutant["number"])}
                future = pool.submit(tests.judge, tree, executables, tests.entered[number], [tier], **chosen)
                judged[future] = number, mutant
            for done, future in enumerate(concurrent.futures.as_completed(judged), 1):
                number, mutant = judged[future]
                if failed := future.result():
                    note(mutant, "caught", failed)
                else:
                    left.append((number, mutant))
                if done % 100 == 0:
                    say(f"{done} done, {len(left)} live")
        work = sorted(left, key=lambda one: one[1]["number"])
        (RESULTS / "living.txt").write_text("".join(
            f"{mutant['name']} | {len(tests.entered[number])} tests enter it\n" for number, mutant in work))
        say(f"{len(work)} live under the tests of at most {longest} s")
    for _, mutant in work:
        outcome[mutant["number"]] = "living"

    if alone:
        say(f"{len(alone)} one by one")
        lone = RESULTS / "alone"
        copy(lone)
        for mutant in sorted(alone, key=lambda mutant: mutant["file"]):
            original = (ROOT / mutant["file"]).read_text()
            write(lone / mutant["file"], mutated(original, mutant["diff"]))
            note(mutant, *judge_alone(lone, tests))
            write(lone / mutant["file"], original)

    print_table(listed, outcome)
    living = (RESULTS / "living.txt").read_text() if (RESULTS / "living.txt").exists() else ""
    print(f"These live:\n{living}" if living else "None lives.")
    sys.exit(2 if living else 0)


def judge_alone(tree, tests):
    """Builds and runs what is in the tree as it is, the tests at the code first. Returns the word and the reason."""
    for kinds in (["--lib"], ALL):
        executables, problem = build_tests(tree, *kinds)
        if problem:
            return "unviable", problem
        built = [test for test in tests.times if test[0] in executables]
        if failed := tests.judge(tree, executables, built, range(len(TIERS))):
            return "caught", failed
    return "living", "built alone"


def print_table(listed, outcome):
    """Prints how many there are of each kind in the folders of `src`, with what is beside a folder in the same row."""
    rows = collections.defaultdict(collections.Counter)
    for mutant in listed:
        folder = mutant["file"].split("/")[1].removesuffix(".rs")
        for row in (folder, "together"):
            rows[row][outcome[mutant["number"]]] += 1
    print("| part | mutants | caught | do not compile | live |\n| --- | --- | --- | --- | --- |")
    for part, words in sorted(rows.items(), key=lambda row: (row[0] == "together", row[0])):
        print(f"| {part} | {words.total()} | {words['caught']} | {words['unviable']} | {words['living']} |")


main()
