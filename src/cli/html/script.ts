/**
 * The script of the page: it narrows the table down by hiding rows. Without it everything
 * is there to be read. It builds no markup, so nothing it reads can become any.
 */

export const SCRIPT = `
'use strict';
(() => {
  const count = number => number.toLocaleString('en-US');

  /** Some browsers take a table that is laid out as a grid for no table: say it again. */
  const sayRoles = table => {
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

  /** A word is somewhere in the name or the reason; reason:fork is exactly the reason. */
  const holds = (one, word) =>
    word.startsWith('reason:') ? one.reason === word.slice(7) : one.text.includes(word);

  const setUp = section => {
    const table = section.querySelector('table.repositories');
    if (!table) {
      return;
    }
    sayRoles(table);
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
        group.button.textContent = isOpen ? 'Fold them' : 'Show them';
        group.button.setAttribute('aria-expanded', String(isOpen));
        group.button.hidden = words.length > 0;
      }
      for (const one of rows) {
        const matches =
          (outcome === '' || one.outcome === outcome) &&
          words.every(word => holds(one, word));
        const isFolded = one.group && !one.group.open && words.length === 0;
        one.row.hidden = !matches || Boolean(isFolded);
        if (one.group && matches) {
          one.group.head.hidden = false;
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
    // Paper cannot be opened.
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
    // Some browsers fill in again what was searched for before the page was reloaded.
    apply();
  };

  document.querySelectorAll('section.provider').forEach(setUp);

  // Paper cannot be opened.
  addEventListener('beforeprint', () => {
    document.querySelectorAll('details').forEach(one => { one.open = true; });
  });
})();
`;
