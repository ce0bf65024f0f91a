"""How long besci.LLM takes, beside what people do without it and beside what is possible at all.

    python -m benchmarks.bench [--models KEY ...] [--repeats 3] [--only zero_shot few_shot ...]

Every method of a workload runs in this process on the same model, texts and labels, in alternating
order; the table shows medians. Each workload writes its times to results/<model>/<workload>.json,
and results/table.md holds the table of all of them.
"""

import argparse
import gc
import json
import os
import statistics
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch
import transformers

import besci
from benchmarks import scale, workloads
from benchmarks.ways import NEW_TOKENS, Loop, bare_reading, machine
from besci.llm.trees import Store
from besci.models import default_generator

RESULTS = Path(__file__).resolve().parent / "results"
PACKAGES = ("torch", "transformers", "tokenizers", "outlines")


class Bench:
    def __init__(self, llm, repeats):
        self.llm, self.repeats = llm, repeats
        # What takes seconds with a small model takes minutes with a large one.
        self.texts = 40 if self.llm.model.num_parameters() < 300e6 else 20
        self.loop = Loop(self.llm)

    # ---- the methods ----------------------------------------------------------------------

    def pipeline(self, prompts, batch_size=1):
        """The 2024 way: generate a few words, then look for a label in them."""
        answers = [answer.lower() for answer in self.loop(prompts, batch_size)]
        return [next((o for o in workloads.LABELS if o in answer), None) for answer in answers]

    def outlines(self, prompts, batch_size=1):
        """Generation in which only the labels' tokens are allowed."""
        written = [
            self.llm.tokenizer.apply_chat_template(
                [{"role": "user", "content": p}], tokenize=False, add_generation_prompt=True
            )
            for p in prompts
        ]
        options = dict(max_new_tokens=NEW_TOKENS, do_sample=False)
        if batch_size == 1:
            return [self.constrained(text, **options) for text in written]
        parts = [written[i : i + batch_size] for i in range(0, len(written), batch_size)]
        return [label for part in parts for label in self.constrained.batch(part, **options)]

    def choose(self, prompts, fresh=True):
        """besci: the probability of each label. fresh: with nothing read before."""
        if fresh:
            self.llm.backend.store = Store()
        return self.llm.choose(prompts, workloads.LABELS, progress=False).idxmax(axis=1).tolist()

    # ---- measuring ------------------------------------------------------------------------

    def measure(self, methods):
        """{name: {"seconds": [...], "cpu_seconds": [...]}}, in alternating order.

        What a method returned last stays in self.returned[name].
        """
        times = {name: {"seconds": [], "cpu_seconds": []} for name in methods}
        self.returned = {}
        for turn in range(self.repeats):
            for name in list(methods)[:: 1 if turn % 2 == 0 else -1]:
                gc.collect()
                wall, cpu = time.perf_counter(), time.process_time()
                self.returned[name] = methods[name]()
                times[name]["seconds"].append(time.perf_counter() - wall)
                times[name]["cpu_seconds"].append(time.process_time() - cpu)
        return times

    def best_batch(self, method, prompts, sizes=(1, 8)):
        """The batch size with which a method answers some of the prompts soonest."""
        seconds = {}
        for size in sizes:
            start = time.perf_counter()
            method(prompts[:32], batch_size=size)
            seconds[size] = time.perf_counter() - start
        return min(seconds, key=seconds.get)

    # ---- the workloads --------------------------------------------------------------------

    def classification(self, prompts, prefix_read):
        import outlines

        self.constrained = outlines.Generator(
            outlines.from_transformers(self.llm.model, self.llm.tokenizer),
            outlines.types.Choice(workloads.LABELS),
        )
        self.choose(prompts)
        bare, tokens = bare_reading(self.llm, prompts, workloads.LABELS, prefix_read)
        batch = self.best_batch(self.pipeline, prompts, sizes=(8, 32))
        constrained = self.best_batch(self.outlines, prompts)
        methods = {
            "a pipeline, one at a time": partial(self.pipeline, prompts),
            f"b pipeline, batch_size={batch}": partial(self.pipeline, prompts, batch),
            f"c outlines, batches of {constrained}": partial(self.outlines, prompts, constrained),
            "d choose": partial(self.choose, prompts, fresh=not prefix_read),
            "e limit: bare forward pass": bare,
        }
        times = self.measure(methods)
        a, d = (self.returned[name] for name in methods if name[0] in "ad")
        return dict(
            texts=len(prompts),
            tokens=tokens,
            without_label=a.count(None),
            same_label=sum(x == y for x, y in zip(a, d, strict=True)),
            times=times,
        )

    def zero_shot(self):
        return self.classification(
            workloads.zero_shot(workloads.sentences(self.texts)), prefix_read=False
        )

    def few_shot(self):
        return self.classification(
            workloads.few_shot(workloads.sentences(self.texts)), prefix_read=True
        )

    def short_zero_shot(self):
        prompts = workloads.zero_shot(workloads.shortest(40))
        return self.classification(prompts, prefix_read=False)

    def short_few_shot(self):
        return self.classification(workloads.few_shot(workloads.shortest(40)), prefix_read=True)

    def limit_zero_shot(self):
        return self.beside_the_limit(workloads.zero_shot(workloads.sentences(100)), False)

    def limit_few_shot(self):
        return self.beside_the_limit(workloads.few_shot(workloads.sentences(100)), True)

    def beside_the_limit(self, prompts, prefix_read):
        self.choose(prompts)
        bare, tokens = bare_reading(self.llm, prompts, workloads.LABELS, prefix_read)
        methods = {
            "d choose": partial(self.choose, prompts, fresh=not prefix_read),
            "e limit: bare forward pass": bare,
        }
        return dict(texts=len(prompts), tokens=tokens, times=self.measure(methods))

    def personas(self):
        everyone = workloads.personas()
        distinct = list(dict.fromkeys(everyone))

        def rate(prompts):
            self.llm.backend.store = Store()
            self.llm.choose(prompts, range(1, 8), progress=False)

        methods = {
            f"{len(everyone)} personas": partial(rate, everyone),
            f"their {len(distinct)} distinct prompts": partial(rate, distinct),
        }
        return dict(texts=len(everyone), times=self.measure(methods))

    def reading(self):
        text, asked = workloads.article(self.llm, 3000), workloads.questions()

        prompts = [f"{text}\n\n{question}" for question in asked]

        def together():
            self.llm.backend.store = Store()
            self.llm.chat(prompts, max_new_tokens=30, progress=False)

        def rereading():
            self.loop(prompts, new_tokens=30)

        methods = {"read once for all": together, "reading again for each question": rereading}
        return dict(texts=len(asked), times=self.measure(methods))

    def growth_with_n(self):
        sizes = (10, 100, 1000)
        methods = {
            f"{n} texts": partial(self.choose, workloads.zero_shot(workloads.sentences(n)))
            for n in sizes
        }
        times = self.measure(methods)
        return dict(slope=_slope(sizes, times), unit="seconds per text", times=times)

    def growth_with_prefix(self):
        sizes, stores, prompts = (0, 500, 2000), {}, {}
        for size in sizes:
            head = workloads.article(self.llm, size) + "\n\n" if size else ""
            prompts[size] = [
                head + prompt for prompt in workloads.zero_shot(workloads.sentences(100))
            ]
            stores[size] = self.llm.backend.store = Store()
            self.choose(prompts[size], fresh=False)

        def after(size):
            self.llm.backend.store = stores[size]
            self.choose(prompts[size], fresh=False)

        methods = {f"after {size} tokens already read": partial(after, size) for size in sizes}
        times = self.measure(methods)
        unit = "seconds per token of prefix, for 100 texts"
        return dict(slope=_slope(sizes, times), unit=unit, times=times)

    # ---- on a tiny random model -------------------------------------------------------------

    def growth_to_8000(self):
        times = scale.growth(self.llm, self.repeats)
        each = {n: statistics.median(seconds) / n for n, seconds in times.items()}
        return dict(
            times={f"{n} texts": {"seconds": seconds} for n, seconds in times.items()},
            counts={"time per text at 8,000 over that at 500": round(each[8000] / each[500], 3)},
        )

    def tables(self):
        seconds = scale.steps_in_tables(self.llm, self.repeats)
        medians = {name: statistics.median(every) for name, every in seconds.items()}
        counts = {
            f"{step}: seconds more than without .attrs": round(
                medians[f"{step}, with attrs"] - medians[f"{step}, plain"], 4
            )
            for step in dict.fromkeys(name.split(",")[0] for name in medians)
        }
        return dict(times={}, counts=counts, seconds=seconds)

    def filling(self):
        return dict(times={}, counts=scale.filling(self.llm))

    def numeracy_steps(self):
        means = {mean: scale.numeracy_steps(self.llm, mean) for mean in (50, 100, 200)}
        counts = {f"mean {m}: {name}": n for m, found in means.items() for name, n in found.items()}
        return dict(times={}, counts=counts)


WORKLOADS = {
    "zero_shot": "news sentences, zero-shot",
    "few_shot": "news sentences after 10 examples (for d and e: read before)",
    "short_zero_shot": "the 40 shortest news sentences, zero-shot",
    "short_few_shot": "the 40 shortest news sentences after 10 examples (d and e: read before)",
    "limit_zero_shot": "news sentences, zero-shot, beside the limit alone",
    "limit_few_shot": "news sentences after 10 examples, beside the limit alone",
    "personas": "7-point item for 944 personas",
    "reading": "20 questions on a text of 3,000 tokens, answers of up to 30 tokens",
    "growth_with_n": "choose, zero-shot, as the number of texts grows",
    "growth_with_prefix": "choose, 100 texts, as what comes before them grows",
}
TINY = {
    "growth_to_8000": "choose on a tiny random model, short texts",
    "tables": "steps of pandas on a result of 1,000,000 rows",
    "filling": "640 answers of up to 512 tokens, mean 100, on a tiny random model",
    "numeracy_steps": "decoding steps of notebook 4/2 on a T4, by an assumed length of answers",
}


def _slope(sizes, times):
    medians = [statistics.median(t["seconds"]) for t in times.values()]
    return float(np.polyfit(sizes, medians, 1)[0])


def table(result):
    """One workload as lines of text."""
    computer = result["machine"]
    threads = f"{computer['threads']} threads of {computer['cpu']}"
    texts = f"{result['texts']} " if result["workload"].startswith("news") else ""
    yield f"\n{result['model']}: {texts}{result['workload']} ({threads})"
    if result["times"]:
        yield from _seconds(result["times"])
    if "slope" in result:
        yield f"{result['unit']}: {result['slope']:.5f}"
    for name, count in result.get("counts", {}).items():
        yield f"{name}: {count:,}"
    if "without_label" in result:
        yield (
            f"a: {result['without_label']} of {result['texts']} answers held no label; a and d "
            f"agree on {result['same_label']}"
        )


def _seconds(times):
    medians = {method: statistics.median(t["seconds"]) for method, t in times.items()}
    ours = next((m for m in medians if m[0] == "d"), next(iter(medians)))
    yield f"{'':42}{'median s':>10}{'min':>8}{'max':>8}{'cpu s':>9}{'/ ours':>8}"
    for method, seconds in medians.items():
        every, cpu = times[method]["seconds"], times[method].get("cpu_seconds")
        yield (
            f"{method:42}{seconds:10.2f}{min(every):8.2f}{max(every):8.2f}"
            f"{f'{statistics.median(cpu):9.2f}' if cpu else '':>9}{seconds / medians[ours]:8.2f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    default = default_generator()
    parser.add_argument("--models", nargs="+", default=["smollm2-135m", default], metavar="KEY")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=[*WORKLOADS, *TINY])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(chosen.threads)

    def measure(bench, model, workloads):
        for name, description in workloads.items():
            about = {"model": model, "workload": description, "machine": machine(*PACKAGES)}
            result = about | getattr(bench, name)()
            file = chosen.results / model / f"{name}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(result, indent=1) + "\n")
            print("\n".join(table(result)), flush=True)

    def wanted(workloads, of_all):
        names = chosen.only or of_all
        return {name: what for name, what in workloads.items() if name in names}

    if tiny := wanted(TINY, TINY):
        with scale.tiny_model() as llm:
            measure(Bench(llm, chosen.repeats), "tiny", tiny)
    for model in dict.fromkeys(chosen.models):
        of_all = WORKLOADS if model == "smollm2-135m" else ["zero_shot", "few_shot"]
        if these := wanted(WORKLOADS, of_all):
            measure(Bench(besci.LLM(model, device="cpu"), chosen.repeats), model, these)
    files = [*chosen.results.glob("*/*.json")]
    order = [*WORKLOADS, *TINY]
    files = sorted(
        (f for f in files if f.stem in order), key=lambda f: (f.parent.name, order.index(f.stem))
    )
    results = [json.loads(file.read_text()) for file in files]
    lines = [line for result in results for line in table(result)]
    (chosen.results / "table.md").write_text("\n".join(["```", *lines, "```", ""]))


if __name__ == "__main__":
    main()
