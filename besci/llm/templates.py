"""Chat templates, rendered in a process of their own, so that every rendering ends.

A template is a program that comes with a model, from wherever: it may loop for ever or write
gigabytes, in one instruction that no thread can stop. So it never runs in the course's own
process. The other process knows nothing but Jinja, set up as transformers sets it up; it is ended
when a rendering takes more processor time or memory than any honest one. That holds for each
rendering, whatever the template looks at: number of turns, time, chance. Run as a program, this
module is that other process.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from functools import lru_cache

SECONDS = 5  # of processor time; honest templates take a thousandth of it
MEMORY = 1_000_000_000  # bytes
LONGEST = 1_000_000  # characters more than the conversation has


class Refused(ValueError):
    """The template itself says that it does not take this conversation."""


def render(template, **variables):
    """The text that a chat template (Jinja) makes of its variables, such as `messages`.

    Raises Refused with the template's own words, and ValueError if it does not come to an end.
    """
    job = json.dumps({"template": template, "variables": variables, "longest": LONGEST})
    with _lock:
        process, replies = _worker()
        try:
            process.stdin.write(job + "\n")
            process.stdin.flush()
            reply = _reply(process, replies)
        except BaseException:  # its answer must not be taken for the next one's
            _end(process)
            raise
        if not reply:
            _end(process)
    if "refused" in reply:
        raise Refused(reply["refused"])
    if "text" not in reply:
        raise ValueError(
            "This model's chat template does not come to an end: it was stopped after "
            f"{SECONDS} seconds of computing, {MEMORY / 1e9:.0f} GB of memory or {LONGEST:,} "
            "characters. Use a model whose template works, or repair chat_template in its folder."
        )
    return reply["text"]


_lock = threading.Lock()
_workers = {}  # process id: (process, queue of its replies); a forked process starts its own


def _worker():
    process, replies = _workers.get(os.getpid(), (None, None))
    if process is None or process.poll() is not None:
        process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C and a notebook's interrupt reach us alone
        )
        replies = queue.SimpleQueue()
        threading.Thread(target=_listen, args=(process.stdout, replies), daemon=True).start()
        _workers[os.getpid()] = process, replies
    return process, replies


def _listen(pipe, replies):
    with pipe:
        for line in pipe:
            replies.put(json.loads(line))
    replies.put({})  # it is no more


def _reply(process, replies):
    """The worker's reply; {} if it was too much for it."""
    import psutil

    try:
        return replies.get(timeout=0.05)
    except queue.Empty:
        pass
    try:
        watched = psutil.Process(process.pid)
        before = sum(watched.cpu_times()[:2])
        while sum(watched.cpu_times()[:2]) < before + SECONDS:
            if watched.memory_info().rss > MEMORY:
                break
            try:
                return replies.get(timeout=0.02)
            except queue.Empty:
                pass
    except psutil.Error:  # it is no more
        pass
    return {}


def _end(process):
    process.kill()
    process.wait()
    try:
        process.stdin.close()
    except OSError:  # a job was left in it
        pass


def _serve():
    """Answer each line of the input, a job, with a line of output."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):  # not on every system; the parent watches as well
        pass
    jobs = queue.SimpleQueue()
    threading.Thread(target=_take, args=(jobs,), daemon=True).start()
    while True:
        line = jobs.get()
        job = json.loads(line)
        try:
            text = _compiled(job["template"]).render(**job["variables"])
            reply = {"text": text} if len(text) < len(line) + job["longest"] else {}
        except MemoryError:
            reply = {}
        except Exception as error:  # templates raise what they like
            reply = {"refused": str(error) or type(error).__name__}
        print(json.dumps(reply), flush=True)


def _take(jobs):
    for line in sys.stdin:
        jobs.put(line)
    os._exit(0)  # the course's process is no more: whatever is being rendered ends too


@lru_cache(maxsize=32)
def _compiled(template):
    """The template in the surroundings that transformers gives it."""
    from datetime import datetime

    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """{% generation %} marks what the model said, for training; here it only has to pass."""

        tags = {"generation"}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
            return jinja2.nodes.CallBlock(self.call_method("_as_it_is"), [], [], body).set_lineno(
                line
            )

        def _as_it_is(self, caller):
            return caller()

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    surroundings = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    surroundings.filters["tojson"] = tojson
    surroundings.globals["raise_exception"] = raise_exception
    surroundings.globals["strftime_now"] = lambda form: datetime.now().strftime(form)
    return surroundings.from_string(template)


if __name__ == "__main__":
    _serve()
