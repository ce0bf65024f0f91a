"""How Sphinx renders the course: executed notebooks and pages as they are, nothing from outside."""

from latex2mathml.converter import convert

project = "Open LLMs for Behavioral Science"
html_title = project
author = copyright = ""
extensions = ["myst_nb"]
root_doc = "README"
exclude_patterns = ["**/slides.md"]

nb_execution_mode = "off"  # the notebooks arrive executed
nb_ipywidgets_js = {}  # it would come from another host, and no output needs it
nb_mime_priority_overrides = [("*", "text/html", 5)]  # the figure, not the controls that move it
nb_merge_streams = True
nb_code_prompt_show, nb_code_prompt_hide = "Unfold this cell", "Fold this cell"
nb_render_markdown_format = "myst"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
# Links to folders and to files that are no pages are links to download or to leave as they are.
suppress_warnings = ["myst.xref_missing", "myst.header", "mystnb.unknown_mime_type"]

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_favicon = "_static/favicon.svg"
html_css_files = ["course.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "navbar_persistent": [],
    "use_download_button": False,
    "show_navbar_depth": 2,
    "show_toc_level": 2,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_math_renderer = "mathml"


def _visit(display):
    def visit(self, node):
        block = display == "block"
        self.body.append('<div class="math">' if block else "")
        self.body.append(convert(node.astext(), display=display))
        self.body.append("</div>" if block else "")
        from docutils.nodes import SkipNode

        raise SkipNode

    return visit


def setup(app):
    """Formulas become MathML, which browsers draw without a script."""
    app.add_html_math_renderer("mathml", (_visit("inline"), None), (_visit("block"), None))
