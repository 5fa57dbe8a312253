"""Looks of the page: its style sheet and the few lines that sort its table."""

__all__ = ["SORTING", "STYLE"]

# Two sets of colours by the reader's preference; texts have a contrast of at least 4.5:1 in both.
STYLE = """
:root{color-scheme:light dark;--page:#fff;--ink:#16181d;--soft:#57606a;--line:#d5d9de;--card:#f4f6f8;
--sky:#2b7bba;--src:#d55e00;--rest:#aab2bb;--ours:#2b7bba;--peer:#98a1ab;--link:#1f669f}
@media (prefers-color-scheme:dark){:root{--page:#16181d;--ink:#e8eaed;--soft:#a7b0ba;--line:#363b43;--card:#1f2329;
--sky:#3f8fd0;--src:#e6711a;--rest:#59626d;--ours:#3f8fd0;--peer:#6b7480;--link:#7db8e8}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;overflow-wrap:anywhere}
main{max-width:1240px;margin:0 auto;padding:28px 24px 60px}
a{color:var(--link)}
nav{display:flex;flex-wrap:wrap;gap:2px 20px;margin-bottom:14px}
h1{font-size:28px;line-height:1.2;margin:0 0 6px;letter-spacing:-.01em}
h2{font-size:20px;margin:0 0 2px}
h3{font-size:14px;margin:0 0 8px}
header p{max-width:72ch;color:var(--soft);margin:0}
section{margin-top:30px;padding-top:22px;border-top:1px solid var(--line)}
.facts{color:var(--soft);margin:0 0 14px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,165px),1fr));gap:12px;margin:14px 0 22px}
.tiles>div{background:var(--card);border-radius:10px;padding:12px 14px}
.tiles dt{color:var(--soft);font-size:13px}
.tiles dd{margin:0}
.tiles b{display:block;font-size:23px;line-height:1.25;font-weight:650;font-variant-numeric:tabular-nums}
.tiles span{color:var(--soft);font-size:13px}
.shares{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:14px 32px;
margin-bottom:24px}
.bar{display:flex;height:20px;border-radius:5px;overflow:hidden;background:var(--rest)}
.bar span{height:100%}.bar span+span{border-left:2px solid var(--page)}
.sky{background:var(--sky)}.src{background:var(--src)}.rest{background:var(--rest)}
.key{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;margin:7px 0 0;padding:0;font-size:13px}
.key i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:6px}
.maps{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,260px),1fr));gap:22px;margin-top:14px}
.map{max-width:440px;display:flex;flex-direction:column;justify-content:flex-end}
figure{margin:0}
.map img{display:block;width:100%;height:auto;max-height:520px;object-fit:contain;object-position:left;
border-radius:6px;background:var(--card)}
.map figcaption{margin-bottom:6px}.unit{display:block;color:var(--soft);font-size:13px}
.scale{height:9px;border-radius:4px;margin-top:8px}
.ticks{display:flex;flex-wrap:wrap;justify-content:space-between;gap:10px;font-size:12px;color:var(--soft);
font-variant-numeric:tabular-nums}
.ticks span{flex:1 1 0;text-align:center;white-space:nowrap}
.ticks span:first-child:not(:last-child){text-align:left}.ticks span:last-child:not(:first-child){text-align:right}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:16px 28px;margin-top:22px}
.charts:empty{display:none}
.chart figcaption{margin-bottom:6px}.chart figcaption span{display:block;color:var(--soft);font-size:13px}
.chart svg{display:block;width:100%;max-width:580px;height:auto}
.chart svg text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif!important}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,320px),1fr));gap:22px 40px;margin-top:24px}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:5px 8px 5px 0;text-align:left;border-bottom:1px solid var(--line);font-weight:400;vertical-align:middle}
thead th{color:var(--soft);font-size:13px}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.absent{color:var(--soft)}
.peers .length{width:45%}.length span{display:block;height:12px;border-radius:3px}
.ours{background:var(--ours)}.peer{background:var(--peer)}
.detector th{color:var(--soft);width:42%}
.scroll{overflow-x:auto}
.charts+.scroll,.all{margin-top:22px}
.all th,.all td{padding:6px 0 6px 14px}.all td{white-space:nowrap;max-width:140px}
.all small{white-space:normal;font-size:inherit;overflow-wrap:anywhere}
.all thead th{vertical-align:bottom;max-width:120px;white-space:normal;overflow-wrap:normal}
.all th:first-child{padding-left:0;position:sticky;left:0;background:var(--page)}
.all tbody th{min-width:min(34vw,200px)}
.scroll+h3{margin-top:16px}
.mark{font-size:11px;vertical-align:super;padding:0 1px 0 2px}
.why{list-style:none;padding:0;margin:0;color:var(--soft);max-width:100ch}.why b{display:inline-block;min-width:1.6em}
.why li:target{background:var(--card)}
.all button{all:unset;cursor:pointer;color:inherit}
.all button:hover{color:var(--ink)}.all button:focus-visible{outline:2px solid var(--sky);outline-offset:2px}
.all [aria-sort=ascending] button::after{content:" \\2191"}.all [aria-sort=descending] button::after{content:" \\2193"}
.notes{color:var(--soft);padding-left:20px}
.words dt{font-weight:600;margin-top:8px}.words dd{margin:0;max-width:80ch;color:var(--soft)}
@media (max-width:600px){main{padding:20px 14px 40px}h1{font-size:23px}}
@media print{body{font-size:11px}section{break-inside:avoid}}
"""

# Headings become buttons only where this runs: without it the table is as readable, in the order of the files.
SORTING = """
document.querySelectorAll("table.all thead th").forEach((head,column)=>{
const button=document.createElement("button");button.type="button";button.append(...head.childNodes);
head.append(button);
button.onclick=()=>{const now=head.getAttribute("aria-sort");
const down=now==="descending"?false:column>0||now!==null;
const body=head.closest("table").tBodies[0];
const key=row=>column?(row.cells[column].dataset.v===""?null:+row.cells[column].dataset.v):row.cells[0].textContent;
const rows=[...body.rows].sort((a,b)=>{const x=key(a),y=key(b);if(x===null||y===null)return(x===null)-(y===null);
return(x<y?-1:x>y?1:0)*(down?-1:1)});
head.parentNode.querySelectorAll("th").forEach(other=>other.removeAttribute("aria-sort"));
head.setAttribute("aria-sort",down?"descending":"ascending");body.append(...rows)}});
"""
