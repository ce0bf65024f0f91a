"""An executed notebook as one page that needs nothing but itself.

Solutions and the code of cells with a title are folded, formulas are MathML, and nothing is asked
of another host: no script, no style, no picture, no font. Only links lead elsewhere.
"""

import base64
import mimetypes
import os
from html import escape
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from bs4 import BeautifulSoup
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

# The policy also holds back what an output of a cell would fetch.
TEMPLATE = """
{%- extends 'index.html.j2' -%}
{%- block html_head_js -%}
<meta http-equiv="Content-Security-Policy"
      content="default-src data: blob: 'unsafe-inline' 'unsafe-eval'">
{%- endblock -%}
{%- block html_head_js_mathjax -%}{%- endblock -%}
{%- block html_head_js_mermaidjs -%}{%- endblock -%}
{%- block jupyter_widgets -%}{%- endblock -%}
{%- block html_head_css -%}<style>
body.jp-Notebook { max-width: 60rem; margin: 0 auto; overflow-wrap: break-word; }
.jp-InputArea, .jp-OutputArea-child { display: flex; }
.jp-InputPrompt, .jp-OutputPrompt { flex: none; box-sizing: border-box; width: 5rem; }
:is(.jp-InputArea-editor, .jp-MarkdownOutput, .jp-OutputArea-output) { flex: 1; }
:is(.jp-InputArea-editor, .jp-OutputArea-output, .jp-RenderedMarkdown :is(pre, table), .formula) {
  overflow-x: auto;
}
.jp-RenderedMarkdown table, .formula { display: block; max-width: 100%; }
.jp-RenderedHTMLCommon :is(p, li) > :is(code, a) { overflow-wrap: anywhere; }
.jp-RenderedText.jp-OutputArea-output pre { overflow-wrap: anywhere; word-break: normal; }
math { font-size: 1.1em; }
.fold > summary { cursor: pointer; padding: 0.4rem; font-family: var(--jp-content-font-family); }
.fold > summary:focus-visible { outline: 2px solid; }
@media (max-width: 47rem) {
  body.jp-Notebook { padding: 0.5rem; }
  .jp-InputPrompt, .jp-OutputPrompt { display: none; }
}
</style>{%- endblock -%}
{%- block codecell -%}
{%- if 'solution' in cell.metadata.tags -%}
{%- set failed = cell.outputs | selectattr('output_type', 'equalto', 'error') | list -%}
<details class="fold"{{ ' open' if failed }}>
<summary>Show {{ cell | cell_title | lower | e }}</summary>
{{ super() }}
</details>
{%- else -%}
{{ super() }}
{%- endif -%}
{%- endblock -%}
{%- block input_group -%}
{%- if cell.source.startswith('# @title ') and 'solution' not in cell.metadata.tags -%}
<details class="fold">
<summary>{{ cell | cell_title | e }}</summary>
{{ super() }}
</details>
{%- else -%}
{{ super() }}
{%- endif -%}
{%- endblock -%}
{%- block data_html -%}
<div class="jp-RenderedHTMLCommon jp-RenderedHTML jp-OutputArea-output">
{{ output.data['text/html'] | closed }}
</div>
{%- endblock -%}
{%- block data_latex -%}
<div class="jp-RenderedLatex jp-OutputArea-output">
{{ output.data['text/latex'] | markdown2html }}
</div>
{%- endblock -%}
"""


def cell_title(cell):
    """What a cell's first line, `# @title Solution 2.1`, calls it, without what follows a colon."""
    return cell.source.partition("\n")[0].removeprefix("# @title ").partition(":")[0]


def mathml(formula, display="inline"):
    """A LaTeX formula as MathML, or as it stands where it cannot be converted."""
    try:
        return convert(formula, display=display)
    except Exception:  # the converter has a dozen kinds of its own and no common one
        return f"<code>{escape(formula)}</code>"


def block(formula):
    """A formula on a line of its own, which scrolls in itself where it is too wide."""
    return f'<span class="formula">{mathml(formula, "block")}</span>'


class Renderer(IPythonRenderer):
    """Markdown with formulas as MathML."""

    def inline_math(self, body):
        return mathml(body)

    def block_math(self, body):
        return block(body)

    def latex_environment(self, name, body):
        return block(f"\\begin{{{name}}}{body}\\end{{{name}}}")


class Exporter(HTMLExporter):
    @pass_context
    def markdown2html(self, context, source):
        attachments = context.get("cell", {}).get("attachments", {})
        renderer = Renderer(escape=False, attachments=attachments)
        return MarkdownWithMath(renderer=renderer).render(source)


def closed(html):
    """An output's HTML with all its elements closed, so that what follows does not end up in it."""
    return str(BeautifulSoup(html, "html.parser"))


def in_its_place(html, folder, place):
    """The page as it is to lie in the file `place`, made from what lies in `folder`.

    Pictures are put into it, those of other hosts are told by their words. Links to notebooks lead
    to the pages beside this one, and links to other files to where these are.
    """
    soup = BeautifulSoup(html, "html.parser")
    for link in soup.select("a[href]"):
        address = urlsplit(link["href"])
        if address.scheme or address.netloc or not address.path:
            continue
        target = Path(folder, unquote(address.path))
        if target.suffix == ".ipynb":
            link["href"] = quote(Path(unquote(address.path)).with_suffix(".html").as_posix())
        elif target.exists():
            where = os.path.relpath(target, Path(place).parent)
            link["href"] = address._replace(path=quote(Path(where).as_posix())).geturl()
    for picture in soup.select("img[src]"):
        address = urlsplit(picture["src"])
        if address.netloc:
            picture.replace_with(picture["alt"])
        elif not address.scheme and (file := Path(folder, unquote(address.path))).is_file():
            kind, data = mimetypes.guess_type(file)[0], base64.b64encode(file.read_bytes())
            picture["src"] = f"data:{kind};base64,{data.decode()}"
    return str(soup)


def page(notebook, title, folder, place):
    """The page of a notebook as HTML, to be written to the file `place`.

    folder: that of the notebook, from where its links lead.
    """
    filters = {"cell_title": cell_title, "closed": closed}
    exporter = Exporter(raw_template=TEMPLATE, filters=filters)
    html, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    return in_its_place(html, folder, place)
