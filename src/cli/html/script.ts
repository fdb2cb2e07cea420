/**
 * The script of the page: filters the table by hiding rows. Without it, all rows are visible.
 * It builds no markup, so no text that it reads can become markup.
 */

export const SCRIPT = `
'use strict';
(() => {
  const count = number => number.toLocaleString('en-US');

  /** Some browsers drop the roles of a table that is laid out as a grid, so set them. */
  const setRoles = table => {
    const roles = [
      ['thead, tbody', 'rowgroup'],
      ['tr', 'row'],
      ['td', 'cell'],
      ['th[scope=col]', 'columnheader'],
      ['th[scope=row], th[scope=rowgroup]', 'rowheader'],
    ];
    table.setAttribute('role', 'table');
    for (const [selector, role] of roles) {
      for (const element of table.querySelectorAll(selector)) {
        element.setAttribute('role', role);
      }
    }
  };

  const read = group => row => {
    const code = row.cells[1].querySelector('code');
    const reason = code ? code.textContent.toLowerCase() : '';
    const text = row.cells[0].textContent.toLowerCase() + ' ' + reason;
    return { row, group, outcome: row.dataset.outcome, reason, text };
  };

  /** Matches a word in the name or the reason; reason:fork matches exactly that reason. */
  const contains = (entry, word) =>
    word.startsWith('reason:')
      ? entry.reason === word.slice(7)
      : entry.text.includes(word);

  const setUp = section => {
    const table = section.querySelector('table.repositories');
    if (!table) {
      return;
    }
    setRoles(table);
    const filters = section.querySelector('.filters');
    const search = filters.querySelector('input[type=search]');
    const choices = Array.from(filters.querySelectorAll('input[type=radio]'));
    const shown = section.querySelector('.shown');
    const none = section.querySelector('.none');
    const groups = [];
    const rows = Array.from(table.tBodies).flatMap(body => {
      const head = body.querySelector('tr.group');
      const group = head && { head, button: head.querySelector('button'), open: false };
      if (group) {
        groups.push(group);
      }
      return Array.from(body.querySelectorAll('tr[data-outcome]'), read(group));
    });
    const all = shown.textContent;

    const apply = () => {
      const words = search.value.toLowerCase().split(/\\s+/).filter(word => word !== '');
      const outcome = choices.find(choice => choice.checked).value;
      let matching = 0;
      for (const group of groups) {
        group.head.hidden = true;
        const isOpen = group.open || words.length > 0;
        group.button.textContent = isOpen ? 'Hide them' : 'Show them';
        group.button.setAttribute('aria-expanded', String(isOpen));
        group.button.hidden = words.length > 0;
      }
      for (const entry of rows) {
        const { row, group } = entry;
        const matches =
          (outcome === '' || entry.outcome === outcome) &&
          words.every(word => contains(entry, word));
        const isFolded = group && !group.open && words.length === 0;
        row.hidden = !matches || Boolean(isFolded);
        if (group && matches) {
          group.head.hidden = false;
        }
        matching += matches ? 1 : 0;
      }
      const narrowed = words.length > 0 || outcome !== '';
      shown.textContent = narrowed ? count(matching) + ' of ' + all + ' shown' : all;
      none.hidden = matching > 0;
      table.hidden = matching === 0;
    };

    const show = text => {
      search.value = text;
      choices[0].checked = true;
      apply();
      section.querySelector('.list').scrollIntoView();
      search.focus({ preventScroll: true });
    };

    for (const group of groups) {
      group.button.addEventListener('click', () => {
        group.open = !group.open;
        apply();
      });
    }
    // Groups cannot be opened on paper.
    addEventListener('beforeprint', () => {
      groups.forEach(group => { group.open = true; });
      apply();
    });
    search.addEventListener('input', apply);
    filters.addEventListener('change', apply);
    none.querySelector('button').addEventListener('click', () => show(''));
    for (const link of section.querySelectorAll('[data-search]')) {
      link.addEventListener('click', event => {
        event.preventDefault();
        show('reason:' + link.dataset.search);
      });
    }
    filters.hidden = false;
    // Some browsers restore the search text when the page is reloaded.
    apply();
  };

  document.querySelectorAll('section.provider').forEach(setUp);

  // Lists cannot be opened on paper.
  addEventListener('beforeprint', () => {
    document.querySelectorAll('details').forEach(element => { element.open = true; });
  });
})();
`;
