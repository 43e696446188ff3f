"""The whole pipeline, small, in one go: `python -m pipeline.demo` writes out/demo/."""

from pipeline import stage

if __name__ == "__main__":
    stage("demo")
