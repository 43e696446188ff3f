"""Do the recipes in a folder with the code of this revision: `python -m dl4ia.equivalence FOLDER`.

The folder has the data and `recipes.json`; `answer.json` is written there. The versions are those of the variants and
studies of params.yaml in the current folder.
"""

import json
import sys
from pathlib import Path

from joblib import cpu_count

from dl4ia import config
from dl4ia.base import atomic_files
from dl4ia.equivalence.recipes import Recipe
from dl4ia.equivalence.trainings import Job, code_versions, result
from dl4ia.execution.local import LocalProcesses
from dl4ia.runs.closure import forget_sources
from dl4ia.runs.layout import Layout


def main() -> None:
    """Write `answer.json`: a digest for each recipe (None if it is unknown here), and the versions of the code."""
    folder = Path(sys.argv[1])
    recipes = [Recipe(**recipe) for recipe in json.loads((folder / "recipes.json").read_text())]
    params = config.load()
    versions = code_versions(params)
    executor = LocalProcesses(max(1, cpu_count() // 2), one_thread_each=True)  # two revisions at once
    digests = executor.run(result, [Job(recipe, Layout(folder)) for recipe in recipes], lambda _: None)
    forget_sources()
    if code_versions(params) != versions:
        sys.exit("a source was edited meanwhile, so that nothing is known of its code: run the same command again")
    atomic_files.write_json(folder / "answer.json", {"digests": digests, "versions": versions})


if __name__ == "__main__":
    main()
