#!/usr/bin/env python3
"""Checks that every package that Cargo builds for us offers a licence of scripts/licences.txt."""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The workspace, and the program that tests a client library, which stands outside of it.
MANIFESTS = ["Cargo.toml", "tests/clients/redis_rs/Cargo.toml"]
METADATA = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"]


def allowed_names():
    lines = (ROOT / "scripts/licences.txt").read_text().splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be met: any side of OR, both sides of AND."""
    # Older manifests write a slash for OR.
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either():
        result = both()
        while words and words[0] == "OR":
            words.pop(0)
            result = both() or result
        return result

    def both():
        result = one()
        while words and words[0] == "AND":
            words.pop(0)
            result = one() and result
        return result

    def one():
        name = words.pop(0)
        if name == "(":
            result = either()
            words.pop(0)
            return result
        if words and words[0] == "WITH":
            name = " ".join([name, words.pop(0), words.pop(0)])
        return name in allowed

    return either()


def packages_of(manifest):
    command = [*METADATA, "--manifest-path", manifest]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    return {package["id"]: package for package in metadata["packages"] if package["id"] in used}


def main():
    allowed = allowed_names()
    packages = {}
    for manifest in MANIFESTS:
        packages |= packages_of(manifest)
    refused = []
    for package in packages.values():
        licence = package["license"]
        if not licence or not is_allowed(licence, allowed):
            refused.append(f"{package['name']} {package['version']}: {licence or 'no licence named'}")
    for line in sorted(refused):
        print(f"licence not allowed: {line}", file=sys.stderr)
    print(f"licences of {len(packages)} packages checked")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
