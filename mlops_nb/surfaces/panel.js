// The panel's tabs. Python draws the sections; this file only chooses which one is seen.
export default {
  render({ model, el }) {
    const id = `mlops-nb-${Math.random().toString(36).slice(2)}`;
    const root = document.createElement('div');
    root.className = 'mlops-nb';
    const tabs = document.createElement('div');
    tabs.setAttribute('role', 'tablist');
    tabs.setAttribute('aria-label', 'MLOps panel');
    tabs.style.cssText = 'display:flex;gap:4px;border-bottom:1px solid var(--jp-border-color2,#8884)';
    const body = document.createElement('div');
    body.id = id;
    body.setAttribute('role', 'tabpanel');
    body.tabIndex = 0;
    body.style.cssText = 'padding:8px 2px;overflow:auto;max-height:480px';
    let chosen = 0;

    function button(text) {
      const made = document.createElement('button');
      made.type = 'button';
      made.textContent = text;
      made.style.cssText =
        'font:inherit;color:inherit;background:none;border:0;border-bottom:2px solid transparent;padding:4px 10px;cursor:pointer';
      return made;
    }

    function draw() {
      const sections = model.get('sections');
      const titles = Object.keys(sections);
      tabs.replaceChildren(
        ...titles.map((title, index) => {
          const tab = button(title);
          tab.setAttribute('role', 'tab');
          tab.setAttribute('aria-selected', String(index === chosen));
          tab.setAttribute('aria-controls', id);
          tab.tabIndex = index === chosen ? 0 : -1;
          if (index === chosen) {
            tab.style.borderBottomColor = 'var(--jp-brand-color1,#1976d2)';
          }
          tab.onclick = () => choose(index, true);
          return tab;
        })
      );
      const refresh = button('Refresh');
      refresh.style.marginLeft = 'auto';
      refresh.onclick = () => model.send('refresh');
      tabs.append(refresh);
      body.innerHTML = model.get('style_sheet') + sections[titles[chosen]];
      body.setAttribute('aria-label', titles[chosen]);
    }

    function choose(index, focus) {
      chosen = index;
      draw();
      if (focus) {
        tabs.children[index].focus();
      }
    }

    tabs.onkeydown = event => {
      const count = Object.keys(model.get('sections')).length;
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step && event.target.getAttribute('role') === 'tab') {
        choose((chosen + step + count) % count, true);
        event.preventDefault();
        event.stopPropagation();
      }
    };
    root.append(tabs, body);
    el.append(root);
    draw();
    model.on('change:sections', draw);
  }
};
