// Text whose contrast with what lies behind it is less than WCAG 2 asks for (4.5, or 3 for large letters).
() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgb = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = ([r, g, b]) => [r, g, b].map((value) => value / 255)
        .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
    const behind = (each) => {
        const layers = [];
        for (let at = each; at; at = at.parentElement) layers.push(rgb(getComputedStyle(at).backgroundColor));
        return layers.reverse().reduce((under, over) => under.map((value, place) =>
            place === 3 ? 255 : value + (over[place] - value) * (over[3] / 255)), [255, 255, 255, 255]);
    };
    const found = [];
    for (const each of document.querySelectorAll('main *, header *, nav *, footer *')) {
        const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own || each.closest('svg') || each.offsetParent === null) continue;
        const style = getComputedStyle(each);
        const [a, b] = [light(rgb(style.color)), light(behind(each))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${each.className} ${each.textContent.slice(0, 40)}`);
    }
    return found;
}
