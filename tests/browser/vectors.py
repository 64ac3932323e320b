"""What somebody could write to have a script run in another's page: in Markdown, HTML or TeX."""

from __future__ import annotations

from itertools import product

RUN = "tripped()"
TAGS = [
    f"<script>{RUN}</script>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"</script><script>{RUN}</script>",
    f"</template></textarea></title></style><script>{RUN}</script>",
    f"<img src=x onerror={RUN}>",
    f"<img src=x:x onerror='{RUN}'>",
    f'<img """><script>{RUN}</script>">',
    f"<svg/onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<svg><animate onbegin={RUN} attributeName=x dur=1s>",
    f"<svg><a xlink:href=javascript:{RUN}><text>x</text></a></svg>",
    f"<math><mtext><table><mglyph><style><img src=x onerror={RUN}></style></mglyph></table></mtext></math>",
    f"<math href=javascript:{RUN}>x</math>",
    f"<body onload={RUN}>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<iframe src=javascript:parent.{RUN}></iframe>",
    f"<object data=javascript:{RUN}></object>",
    f"<embed src=javascript:{RUN}>",
    f"<details open ontoggle={RUN}>",
    f"<input autofocus onfocus={RUN}>",
    f"<select autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<audio src=x onerror={RUN}>",
    f"<marquee onstart={RUN}>",
    f"<form action=javascript:{RUN}><button>x</button></form>",
    f"<button formaction=javascript:{RUN} form=x>x</button>",
    f"<a href=javascript:{RUN}>x</a>",
    f"<a href=x onmouseover={RUN}>x</a>",
    f"<p style=animation-name:x onanimationstart={RUN}>x</p>",
    "<style>@import 'http://evil.example/x.css';</style>",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    f"<meta http-equiv=refresh content='0;url=javascript:{RUN}'>",
    "<base href=http://evil.example/>",
    "<img src=http://evil.example/x.png>",
    "<video poster=http://evil.example/x.png></video>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'></noscript>",
    f"<!--><img src=x onerror={RUN}>-->",
    f"<![CDATA[<script>{RUN}</script>]]>",
    f"<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>{RUN}</x:script>",
    f"<div hx-on:load='{RUN}' hx-get='/' hx-trigger=load>x</div>",
    f"<chat-message data-running data-url=javascript:{RUN}>x</chat-message>",
    f"\"><script>{RUN}</script>",
    f"'><img src=x onerror={RUN}>",
    f"\" autofocus onfocus={RUN} x=\"",
    f"' onmouseover='{RUN}",
    f"`-{RUN}-`",
    f"${{{RUN}}}",
    f"{{{{{RUN}}}}}",
    f"{{% {RUN} %}}",
    f"&lt;script&gt;{RUN}&lt;/script&gt;",
    f"&#60;script&#62;{RUN}&#60;/script&#62;",
    f"\\u003cscript\\u003e{RUN}\\u003c/script\\u003e",
    f"\u2028<script>{RUN}</script>\u2029",
    f"<a id=words><a id=words name=content>{RUN}",
]  # fmt: skip
SCHEMES = [
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}",
    f"java\tscript:{RUN}",
    f"java&#10;script:{RUN}",
    f"java&Tab;script:{RUN}",
    f"&#106;avascript:{RUN}",
    f"&#x6A;avascript&colon;{RUN}",
    f"\x01javascript:{RUN}",
    f"%6Aavascript:{RUN}",
    f"javascript%3A{RUN}",
    f"javascript://a.example/%0A{RUN}",
    f"view-source:javascript:{RUN}",
    f"feed:javascript:{RUN}",
    f"vbscript:{RUN}",
    f"livescript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    "data:text/html;base64,PHNjcmlwdD50cmlwcGVkKCk8L3NjcmlwdD4=",
    f"data:image/svg+xml,<svg onload={RUN}>",
    f"blob:{RUN}",
    "file:///etc/passwd",
    "//evil.example/x",
    "\\\\evil.example\\x",
    f"https://a.example/\"onmouseover=\"{RUN}",
    f"https://a.example/'onclick='{RUN}",
]  # fmt: skip
LINKS = ["[x]({})", "[x](<{}>)", "![x]({})", "<{}>", "[x][r]\n\n[r]: {}\n", "[^1]\n\n[^1]: [x]({})"]
TEX = [
    f"\\href{{javascript:{RUN}}}{{x}}",
    f"\\url{{javascript:{RUN}}}",
    f"\\htmlData{{x=\" onmouseover={RUN}}}{{x}}",
    f"\\htmlId{{\" onclick={RUN}}}{{x}}",
    f"\\htmlClass{{\"><script>{RUN}</script>}}{{x}}",
    "\\htmlStyle{background:url(http://evil.example/x)}{x}",
    "\\includegraphics{http://evil.example/x.png}",
    f"\\text{{<img src=x onerror={RUN}>}}",
    f"\\unicode{{<script>{RUN}</script>}}",
    f"\\color{{red;\" onclick={RUN}}}x",
    f"\\tag{{<script>{RUN}</script>}} x",
    "\\def\\a{\\a\\a}\\a",
    "\\rule{99999em}{99999em}",
    f"</annotation><script>{RUN}</script>",
]  # fmt: skip
FRAMES = ["${}$", "$$\n{}\n$$", "\\({}\\)"]
PLACES = [
    "```{}\ncode\n```",
    "~~~ x {}\ncode\n~~~",
    "`{}`",
    "| {} |\n| --- |\n| {} |",
    "- [ ] {}",
    "[^{}]\n\n[^{}]: x",
    "> # {}",
    "![{}](http://evil.example/x.png)",
    "[x](https://a.example '{}')",
]
INSERTED = [TAGS[0], TAGS[4], TAGS[41], TAGS[43]]


def markdown() -> list[str]:
    """Return texts for messages."""
    linked = [frame.replace("{}", scheme) for frame, scheme in product(LINKS, SCHEMES)]
    formulas = [frame.replace("{}", tex) for frame, tex in product(FRAMES, TEX)]
    placed = [place.replace("{}", text) for place, text in product(PLACES, INSERTED)]
    return [*TAGS, *linked, *formulas, *placed]
