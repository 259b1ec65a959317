#!/usr/bin/env python3
"""Checks that every package that Cargo builds for us offers a licence of scripts/licences.txt."""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
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


def main():
    allowed = allowed_names()
    metadata = json.loads(subprocess.run(METADATA, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    used = {node["id"] for node in metadata["resolve"]["nodes"]}
    packages = [package for package in metadata["packages"] if package["id"] in used]
    refused = []
    for package in packages:
        licence = package["license"]
        if not licence or not is_allowed(licence, allowed):
            refused.append(f"{package['name']} {package['version']}: {licence or 'no licence named'}")
    for line in sorted(refused):
        print(f"licence not allowed: {line}", file=sys.stderr)
    print(f"licences of {len(packages)} packages checked")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
