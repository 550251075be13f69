const box=document.getElementById('q'),none=document.getElementById('none');
const parts=[...document.querySelectorAll('section')].map(s=>({s,
 link:document.querySelector(`nav a[href="#${CSS.escape(s.dataset.id)}"]`)||
  [...document.querySelectorAll('nav a')].find(a=>a.hash==='#'+s.dataset.id),
 head:s.dataset.text,rows:[...s.querySelectorAll('tbody tr')].map(r=>({r,text:r.textContent.toLowerCase()}))}));
function look(){const words=box.value.toLowerCase().split(/\s+/).filter(Boolean);let shown=0;
 for(const p of parts){const inHead=words.every(w=>p.head.includes(w));let any=inHead;
  for(const {r,text} of p.rows){const hit=inHead||words.every(w=>text.includes(w)||p.head.includes(w));
   r.hidden=!hit;any=any||hit}
  p.s.hidden=!any;if(p.link)p.link.hidden=!any;shown+=any}
 none.hidden=shown>0}
box.addEventListener('input',look);look();
addEventListener('hashchange',()=>{const at=document.getElementById(decodeURIComponent(location.hash.slice(1)));
 if(at&&at.closest('[hidden]')){box.value='';look();at.scrollIntoView()}});
