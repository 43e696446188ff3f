"""One study, on all cores: `python -m pipeline.search STUDY` writes out/search/ and results/search/."""

from pipeline import stage

if __name__ == "__main__":
    stage("search")
