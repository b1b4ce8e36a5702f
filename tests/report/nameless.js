// Controls without a name that a screen reader could say.
() => [...document.querySelectorAll('button, input, select, a, [role=region], [role=application], [tabindex="0"]')]
    .filter((each) => each.offsetParent !== null || each.tagName === 'svg')
    .filter((each) => !(each.textContent.trim() || each.getAttribute('aria-label') || each.getAttribute('aria-labelledby')
        || each.closest('label')?.textContent.trim()))
    .map((each) => each.outerHTML.slice(0, 120))
