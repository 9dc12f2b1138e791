#!/usr/bin/env python3
"""Checks licences, bans and sources by deny.toml, for machines without cargo-deny.

It covers the parts of deny.toml that this project uses, and stops at any other part. It knows no
advisories: `cargo deny check advisories` does.

    .ci/supply_chain.py MANIFEST...
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
UNDERSTOOD = {
    "graph": {"all-features"},
    "licenses": {"include-dev", "allow", "exceptions", "private"},
    "bans": {"multiple-versions", "wildcards", "allow-wildcard-paths", "deny"},
    "sources": {"unknown-registry", "unknown-git", "allow-registry"},
    "advisories": {"yanked", "ignore"},
}


def read_rules():
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    for section, settings in rules.items():
        unknown = set(settings) - UNDERSTOOD.get(section, set())
        if unknown:
            sys.exit(f"deny.toml: {section} has {sorted(unknown)}, which this script does not check")
    return rules


def is_allowed(expression, allowed):
    """Whether an SPDX expression is satisfied by the licences allowed. `/` is an old spelling of OR."""
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))
    place = 0

    def word():
        return words[place].upper() if place < len(words) else None

    def term():
        nonlocal place
        if word() == "(":
            place += 1
            inner = either()
            place += 1  # the closing one
            return inner
        licence = words[place]
        place += 1
        if word() == "WITH":
            licence = f"{licence} WITH {words[place + 1]}"
            place += 2
        return licence in allowed

    def both():
        nonlocal place
        result = term()
        while word() == "AND":
            place += 1
            result = term() and result
        return result

    def either():
        nonlocal place
        result = both()
        while word() == "OR":
            place += 1
            result = both() or result
        return result

    result = either()
    if place != len(words):
        raise ValueError(f"not an SPDX expression: {expression}")
    return result


def check(manifest, rules):
    command = ["cargo", "metadata", "--locked", "--all-features", "--format-version", "1"]
    output = subprocess.run([*command, "--manifest-path", manifest], check=True, capture_output=True)
    metadata = json.loads(output.stdout)
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    used_by = {}
    for node in metadata["resolve"]["nodes"]:
        for dependency in node["dependencies"]:
            used_by.setdefault(names[dependency], set()).add(names[node["id"]])

    licences = rules["licenses"]
    exceptions = {entry["crate"]: set(entry["allow"]) for entry in licences["exceptions"]}
    registries = {f"registry+{url}" for url in rules["sources"]["allow-registry"]}
    banned = {entry["crate"]: set(entry.get("wrappers", [])) for entry in rules["bans"]["deny"]}

    for package in metadata["packages"]:
        name = f"{package['name']} {package['version']}"
        private = package["publish"] == []
        if not private:
            allowed = set(licences["allow"]) | exceptions.get(package["name"], set())
            if not package["license"]:
                yield f"{name} names no licence"
            elif not is_allowed(package["license"], allowed):
                yield f"{name} is under {package['license']}, which deny.toml does not allow"
        source = package["source"]
        if source is None:
            if not Path(package["manifest_path"]).is_relative_to(ROOT.resolve()):
                yield f"{name} lies outside of this project"
        elif source not in registries:
            yield f"{name} comes from {source}"
        if package["name"] in banned:
            others = used_by.get(package["name"], set()) - banned[package["name"]]
            if others:
                yield f"{name} is banned and used by {', '.join(sorted(others))}"
        if source is None:
            for dependency in package["dependencies"]:
                if dependency["req"] == "*" and not dependency.get("path"):
                    yield f"{name} takes any version of {dependency['name']}"


def main():
    rules = read_rules()
    faults = []
    for manifest in sys.argv[1:]:
        found = list(check(manifest, rules))
        print(f"{manifest}: {len(found)} faults")
        faults += found
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))


# What the reader of licences must know, so that a mistake in it cannot pass everything.
for text, expected in {
    "MIT": True,
    "GPL-3.0": False,
    "GPL-3.0 OR MIT": True,
    "GPL-3.0/MIT": True,
    "GPL-3.0 AND MIT": False,
    "(MIT OR GPL-3.0) AND Zlib": True,
    "MIT AND (GPL-3.0 OR GPL-2.0)": False,
    "Apache-2.0 WITH LLVM-exception": False,
    "MIT OR GPL-2.0 AND GPL-3.0": True,
}.items():
    assert is_allowed(text, {"MIT", "Zlib", "Apache-2.0"}) == expected, text

if __name__ == "__main__":
    main()
