"""From conversations to token ids, and where an answer goes on from there.

What a user writes is always encoded as text. The control tokens of a chat (`<|im_start|>`,
`<|end|>`, ...) come from the model's chat template alone, so a text that imitates them cannot
change who is speaking.
"""

import hashlib
import json
import re
import secrets
from functools import cached_property, lru_cache, partial

from tokenizers import Tokenizer

from besci.inputs import require
from besci.llm.templates import Refused, render

# What opens a block of thinking: <think>, [THINK], <seed:think>, <|START_THINKING|>, ◁think▷, ...
_OPENING = (
    r"(?i)([<\[◁]\|?)"
    r"(?!(?:[\w:-]*[_:-])?(?:end|no))([\w:-]*(?:think|thought|reason)[\w:-]*)"
    r"(\|?[>\]▷])"
)


class Prompts:
    """The chat template and the tokenizer of one model.

    tokenizer: as AutoTokenizer loads it; it must be one of the fast ones, as nearly all are.
    """

    def __init__(self, tokenizer):
        if not getattr(tokenizer, "is_fast", False):
            raise ValueError("This model's tokenizer has no tokenizer.json, which besci needs.")
        self.tokenizer = tokenizer
        self.is_chat = tokenizer.chat_template is not None
        self.template = tokenizer.get_chat_template() if self.is_chat else ""
        self._secret = secrets.token_hex(8)
        # A second tokenizer in which each control token answers to a name nobody can guess, with
        # its rules for the white space around it unchanged.
        backend = json.loads(tokenizer.backend_tokenizer.to_str())
        openings = re.finditer(_OPENING, self.template)
        closings = {tag for opening in openings for tag in _closing_tags(opening)}
        control = {}
        for token in backend["added_tokens"]:
            text = token["content"]
            if token["special"] or (text.strip() and (text in self.template or text in closings)):
                control[text] = token["id"]
                token["content"] = self._alias(token["id"])
        self._text = Tokenizer.from_str(json.dumps(backend))
        self._ids = {self._text.token_to_id(self._alias(i)): i for i in control.values()}
        longest_first = sorted(map(re.escape, control), key=len, reverse=True)
        self.control = control
        self._find_control = re.compile("|".join(longest_first) or "(?!)")
        # One cache per model, which goes when the model does.
        self._skeleton = lru_cache(maxsize=256)(self._cut_out)
        self._continue = lru_cache(maxsize=4096)(self._tokens_after)

    def placed(self, turns):
        """A conversation as the template takes it.

        turns: (role, content) of each message. Where the template has no place for a system
        message, it goes into the first user turn.
        """
        if turns[0][0] == "system" and self.is_chat and not self._has_system_role:
            (_, first), (role, content), *rest = turns
            return ((role, f"{first}\n\n{content}"), *rest)
        return tuple(turns)

    def render(self, turns):
        """The prompt the model sees, as one text in which control tokens have their secret names.

        turns: (role, content) of each message. A base model, which has no chat template, sees the
        contents alone, with a blank line between them.
        """
        if not self.is_chat:
            return "\n\n".join(content for _, content in turns)
        turns = self.placed(turns)
        # Templates may strip their contents: each placeholder wears the white space of its own.
        cores = [content.strip() for _, content in turns]
        edges = [
            (role, *content.split(core, 1)) if core else (role, content, "")
            for (role, content), core in zip(turns, cores, strict=True)
        ]
        pieces = self._skeleton(tuple(edges), True)
        return "".join(cores[piece] if isinstance(piece, int) else piece for piece in pieces)

    def render_all(self, conversations):
        """Each conversation as `render` writes it; errors name its index."""
        rendered = []
        for i, turns in enumerate(conversations):
            try:
                rendered.append(self.render(turns))
            except ValueError as error:
                raise ValueError(f"Prompt {i} {error}") from None
        return rendered

    def encode(self, texts):
        """Token ids of rendered texts: list of lists."""
        # A template writes its own beginning-of-text token.
        return self._encode(texts, add_special_tokens=not self.is_chat)

    def encode_text(self, texts):
        """Token ids of texts as they stand, without the template: list of lists.

        With the beginning-of-text token where the tokenizer adds one; an empty text is this token
        if the model has one.
        """
        return self._encode(texts, add_special_tokens=True)

    def continuation(self, rendered, option):
        """Ids of the tokens that write `option` after a rendered prompt.

        The prompt's own tokens are fixed, as they are when the model generates: it can only add
        to them. If prompt and option tokenised together begin with the prompt's tokens, the rest
        is the continuation, with the leading space of SentencePiece where the model expects one.
        If a merge across the seam would change the prompt's last tokens ("is " + "yes", where the
        token " yes" would swallow the space), the option is tokenised so that it reads as its text
        right after the prompt as it stands. Raises ValueError if no tokens do.
        """
        start = rendered.rfind(self._secret)
        tail = rendered[start:] if start >= 0 else rendered
        return self._continue(tail, option)

    def count(self, text):
        """How many tokens a text has as it stands, without one that marks its beginning."""
        return len(self._plain(text))

    def _tokens_after(self, tail, option):
        text = self._lead + option
        before, joint = self._plain(tail), self._plain(tail + text)
        if joint[: len(before)] == before and len(joint) > len(before):
            return joint[len(before) :]
        wanted = self.decode(before) + text
        for anchor in ("", "\n", "x"):
            start, whole = self._plain(anchor), self._plain(anchor + text)
            rest = whole[len(start) :]
            if whole[: len(start)] == start and rest and self.decode(before + rest) == wanted:
                return rest
        raise ValueError(
            f"The option {option!r} cannot follow the prompt's last characters in this model's "
            "tokens. End the prompt without white space and begin the option with a space."
        )

    def continuations(self, rendered, options):
        """Token ids of each option after a prompt; no two options may be the same."""
        written = {}
        for option in options:
            ids = tuple(self.continuation(rendered, option))
            require(
                ids not in written,
                f"The options {written.get(ids)!r} and {option!r} are the same to this model.",
            )
            written[ids] = option
        return list(map(list, written))

    def decode(self, ids):
        """Text of token ids, control tokens left out."""
        return self.tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )

    def shown(self, before, token):
        """A token as the text it adds to the tokens before it."""
        decode = partial(self.tokenizer.decode, clean_up_tokenization_spaces=False)
        start, whole = decode(before), decode([*before, token])
        return whole[len(start) :] if whole.startswith(start) else decode([token])

    @cached_property
    def stop(self):
        """Ids of the tokens that end an answer, as far as tokenizer and template say."""
        after = self._answer_frame[1]
        ends = re.findall(self._secret + r"t(\d+)x", after)[:1]
        return {int(i) for i in ends} | ({self.tokenizer.eos_token_id} - {None})

    @cached_property
    def closing(self):
        """What is written to close the block of thinking that the template opens; "" if none."""
        if not self.is_chat:
            return ""
        try:
            *_, ending = self._written((("user", "", ""),), True)
        except Refused:
            return ""
        return self._closing(ending)

    @cached_property
    def fingerprint(self):
        """First 12 characters of the SHA-256 of the chat template and `closing`, or None."""
        text = self.template + self.closing
        return hashlib.sha256(text.encode()).hexdigest()[:12] if self.is_chat else None

    @cached_property
    def _lead(self):
        """White space that the template puts between the prompt and an answer."""
        return self._answer_frame[0]

    @cached_property
    def _answer_frame(self):
        """What the template writes before and after an answer: (white space, rest)."""
        if not self.is_chat:
            return "", ""
        try:
            prompt = self._skeleton((("user", "", ""),), True)
            whole = self._skeleton((("user", "", ""), ("assistant", "", "")), False)
        except Refused:
            return "", ""
        before, after = whole[: whole.index(1)], whole[whole.index(1) + 1 :]
        text = "".join(map(str, before))
        start = "".join(map(str, prompt))
        lead = text[len(start) :] if text.startswith(start) else ""
        return (lead if lead.isspace() else ""), "".join(map(str, after))

    @cached_property
    def _has_system_role(self):
        try:
            self._skeleton((("system", "", ""), ("user", "", "")), True)
        except Refused:
            return False
        return True

    def _cut_out(self, edges, generate):
        """The template's text with its contents cut out: list of texts and indices of contents.

        edges: (role, white space before, white space after) of each content. Control tokens have
        their secret names, and a block of thinking is closed where it waits for an answer.
        """
        pieces = self._written(edges, generate)
        if generate and (closing := self._closing(pieces[-1])):
            pieces[-1] = pieces[-1].rstrip() + closing
        return [
            piece
            if isinstance(piece, int)
            else self._find_control.sub(lambda m: self._alias(self.control[m[0]]), piece)
            for piece in pieces
        ]

    def _closing(self, ending):
        """What closes the block of thinking that an ending of a prompt opens; "" without one.

        In the way of Qwen3's template: nothing but a blank line is thought. Raises ValueError where
        no tag that closes it is known.
        """
        opening = re.search(_OPENING + r"\s*\Z", ending)
        if not opening:
            return ""
        tags = _closing_tags(opening)
        for tag in tags:
            if tag in self.template or tag in self.tokenizer.get_vocab():
                return f"\n\n{tag}\n\n"
        raise ValueError(
            f"This model's chat template opens a block of thinking ({opening[0].strip()}) before "
            f"each answer, and neither it nor the vocabulary has what closes it ({tags[0]}): "
            "options would be scored as the first words of the thinking. Take a model that answers "
            "at once, as those of besci.list_models() do, or close the block in chat_template in "
            "the model's folder."
        )

    def _written(self, edges, generate):
        """What the template itself writes: list of texts and indices of contents."""
        marks = [f"{self._secret}m{i}x" for i in range(len(edges))]
        messages = [
            {"role": role, "content": before + mark + after}
            for (role, before, after), mark in zip(edges, marks, strict=True)
        ]
        try:
            # What tokenizer.apply_chat_template gives its template.
            text = render(
                self.template,
                messages=messages,
                tools=None,
                documents=None,
                add_generation_prompt=generate,
                enable_thinking=False,
                **self.tokenizer.special_tokens_map,
            )
        except Refused as error:
            raise Refused(f"The model's chat template refuses it: {error}") from error
        pieces = re.split(self._secret + r"m(\d+)x", text)
        found = set(map(int, pieces[1::2]))
        if found != set(range(len(edges))):
            roles = sorted({edges[i][0] for i in set(range(len(edges))) - found})
            raise Refused(f"The model's chat template leaves out {', '.join(roles)} messages.")
        return [int(piece) if i % 2 else piece for i, piece in enumerate(pieces)]

    def _alias(self, token_id):
        return f"{self._secret}t{token_id}x"

    def _encode(self, texts, add_special_tokens):
        beginning = self.tokenizer.bos_token_id
        empty = [] if beginning is None else [beginning]
        encoded = self._text.encode_batch(list(texts), add_special_tokens=add_special_tokens)
        return [self._real(e.ids) or empty for e in encoded]

    def _plain(self, text):
        return self._real(self._text.encode(text, add_special_tokens=False).ids)

    def _real(self, ids):
        return [self._ids.get(i, i) for i in ids]


def _closing_tags(opening):
    """The tags that would close the block of thinking which a match of _OPENING opens."""
    before, name, after = opening.groups()
    end = re.sub("begin|start", lambda m: "END" if m[0].isupper() else "end", name, flags=re.I)
    names = [f"/{name}", f"end_{name}" if end == name else end]
    return [before + name + after for name in names]
