"""What came of the comparison: `python3 -m hepar_training.experiments plot` draws experiments.png and writes these tables
into experiments.md."""
from __future__ import annotations

from pathlib import Path
from statistics import mean

import matplotlib

matplotlib.use('Agg')
import matplotlib.pyplot as plt  # noqa: E402

from .design import Row, rows  # noqa: E402
from .families import FAMILIES  # noqa: E402

MEASURES = {'lesion_dice': 'lesion Dice', 'presence_auc': 'AUC of patches', 'liver_dice': 'liver Dice'}
# Okabe and Ito's, which those see apart who do not see red and green apart.
COLOURS = {'vgg': '#0072B2', 'resnet': '#D55E00', 'densenet': '#009E73'}
# What a column of the picture varies, in the design's words, and how its values are written.
FACTORS = {
    'rate': ('learning rate', '{:g}'),
    'l2': ('L2 penalty', '{:g}'),
    'iterations': ('iterations', '{}'),
    'patch': ('patch, voxels', '{}'),
    'warm': ('encoder', lambda warm: 'from liver task' if warm else 'from scratch'),
}
PICTURE = Path('experiments.png')
PAGE = Path('experiments.md')
# Of 6 orders of two and two seeds, and of 20 of three and three, two have them apart.
BY_CHANCE = 'All seeds of one lie before all of the other by chance alone in one case of three with two seeds each, of ten with three:'
TABLES = ('<!-- what follows is written by `plot` -->\n', '<!-- end of what `plot` writes -->\n')

Lines = dict[str, dict[str, str]]


def figure(lines: Lines, row: Row, measure: str) -> float | None:
    value = lines.get(row.name, {}).get(measure, '')
    return float(value) if value else None


def of(lines: Lines, chosen: list[Row], measure: str) -> list[float]:
    return [value for row in chosen if (value := figure(lines, row, measure)) is not None]


def changed(row: Row) -> set[str]:
    """In what a row differs from its family's centre, the seed apart."""
    centre = Row(row.family)
    return {field for field in (*FACTORS, 'task') if getattr(row, field) != getattr(centre, field)}


def along(family: str, factor: str) -> dict[object, list[Row]]:
    """The family's rows that differ from the centre in this factor alone, and the centre, by the factor's value."""
    found: dict[object, list[Row]] = {}
    for row in rows():
        if row.family == family and changed(row) <= {factor}:
            found.setdefault(getattr(row, factor), []).append(row)
    return dict(sorted(found.items()))


def written(factor: str, value: object) -> str:
    form = FACTORS[factor][1]
    return form(value) if callable(form) else form.format(value)


def range_of(values: list[float], digits: int = 2) -> str:
    """Mean, and the least and the largest in brackets where there are several."""
    if not values:
        return '-'
    if len(values) == 1:
        return f'{values[0]:.{digits}f}'
    return f'{mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})'


def table(header: list[str], body: list[list[str]]) -> str:
    return '\n'.join('| ' + ' | '.join(cells) + ' |' for cells in (header, ['---'] * len(header), *body))


def cost_table(lines: Lines) -> str:
    body = []
    for family in FAMILIES:
        known = [line for line in lines.values() if line['family'] == family]
        steps = [float(line['seconds_iteration']) for line in known if line['patch'] == '16']
        body.append([family, *([f"{int(known[0]['params']):,}", known[0]['gmac_window']] if known else ['-', '-']), range_of(steps, 3)])
    return table(['encoder', 'parameters of the network', '10^9 multiply-adds a window of 32^3', 'CPU-seconds an iteration'], body)


def centre_table(lines: Lines) -> str:
    body = []
    for warm in (False, True):
        for family in FAMILIES:
            chosen = [row for row in rows() if row.family == family and changed(row) == ({'warm'} if warm else set())]
            runs = len(of(lines, chosen, 'lesion_dice'))
            body.append([family, written('warm', warm), str(runs), *(range_of(of(lines, chosen, measure)) for measure in MEASURES)])
    return table(['encoder', 'its weights', 'seeds', *MEASURES.values()], body)


def verdicts(lines: Lines) -> str:
    """Of each figure, the encoders by their mean over the seeds at the centre, and whether the seeds of neighbours overlap."""
    sentences = []
    for measure, name in MEASURES.items():
        found = {family: of(lines, [row for row in rows() if row.family == family and not changed(row)], measure) for family in FAMILIES}
        order = sorted((family for family in found if found[family]), key=lambda family: -mean(found[family]))
        parts = order[:1]
        for one, other in zip(order, order[1:]):
            apart = min(found[one]) > max(found[other]) and min(len(found[one]), len(found[other])) > 1
            parts.append(f"{'in every seed before' if apart else 'within the spread of'} {other}")
        sentences.append(f'- {name}: {", ".join(parts)}')
    return '\n'.join(sentences)


def factor_table(lines: Lines, factor: str) -> str:
    values = sorted({value for family in FAMILIES for value in along(family, factor)})
    body = []
    for family in FAMILIES:
        chosen = along(family, factor)
        for measure, name in MEASURES.items():
            body.append([family, name, *(range_of(of(lines, chosen.get(value, []), measure)) for value in values)])
    return table(['encoder', 'figure', *(written(factor, value) for value in values)], body)


def pairs_table(lines: Lines) -> str:
    """How often one encoder beats another in runs that differ in nothing else: the same seed draws the same crops."""
    body = []
    families = list(FAMILIES)
    by_setting: dict[Row, dict[str, Row]] = {}
    for row in rows():
        if row.task == 'lesion':
            by_setting.setdefault(Row('', row.rate, row.l2, row.iterations, row.patch, row.warm, row.seed), {})[row.family] = row
    for n, one in enumerate(families):
        for other in families[n + 1 :]:
            cells = [f'{one} against {other}']
            for measure in MEASURES:
                values = [(figure(lines, setting[one], measure), figure(lines, setting[other], measure)) for setting in by_setting.values()]
                both = [(a, b) for a, b in values if a is not None and b is not None]
                better = sum(a > b for a, b in both)
                cells.append(f'{better} of {len(both)}, {mean(a - b for a, b in both):+.3f}' if both else '-')
            body.append(cells)
    return table(['encoders', *(f'{name}: better in, mean difference' for name in MEASURES.values())], body)


def draw(lines: Lines, path: Path) -> None:
    plt.rcParams.update({'font.size': 9, 'axes.spines.top': False, 'axes.spines.right': False})
    sheet, axes = plt.subplots(len(MEASURES), len(FACTORS), figsize=(15, 8.4), sharey='row', squeeze=False)
    for line, (measure, name) in enumerate(MEASURES.items()):
        for column, (factor, (title, _)) in enumerate(FACTORS.items()):
            axis = axes[line, column]
            values = sorted({value for family in FAMILIES for value in along(family, factor)})
            for n, family in enumerate(FAMILIES):
                chosen = along(family, factor)
                groups = [(values.index(value) + 0.12 * (n - 1), of(lines, chosen[value], measure)) for value in values if value in chosen]
                groups = [(x, found) for x, found in groups if found]
                axis.plot([x for x, _ in groups], [mean(found) for _, found in groups], color=COLOURS[family], linewidth=1.4, label=family)
                for x, found in groups:
                    axis.plot([x] * len(found), found, 'o', color=COLOURS[family], markersize=4.5, alpha=0.75)
            axis.set_xticks(range(len(values)), [written(factor, value) for value in values])
            axis.set_xlim(-0.4, len(values) - 0.6)
            axis.grid(axis='y', linewidth=0.4, alpha=0.6)
            if measure == 'presence_auc':
                axis.axhline(0.5, color='grey', linewidth=0.8, linestyle=':')
            if column == 0:
                axis.set_ylabel(name)
            if line == 0:
                axis.set_title(title, fontsize=10)
    axes[0, 0].legend(frameon=False, fontsize=8)
    known = sum(1 for row in rows() if row.name in lines)
    sheet.suptitle(f'Encoders at matched cost: one point a run, lines through the means; {known} runs on generated anatomy', fontsize=11)
    sheet.tight_layout()
    sheet.savefig(path, dpi=110)


def tables(lines: Lines) -> str:
    parts = [
        f'{len(lines)} of {len(rows())} rows have been run, in {sum(float(line["seconds"]) for line in lines.values()) / 60:.0f} CPU-minutes.',
        '### Cost\n\n' + cost_table(lines),
        '### At the centre of the design\n\n' + centre_table(lines),
        f'Encoders trained from scratch, by their mean. {BY_CHANCE}\n\n' + verdicts(lines),
        '### Like against like\n\n' + pairs_table(lines),
        *(f'### By {title}\n\n{factor_table(lines, factor)}' for factor, (title, _) in FACTORS.items() if factor != 'warm'),
    ]
    return '\n\n'.join(parts) + '\n'


def put_into(page: str, text: str) -> str:
    """The page with what lies between its two marks replaced."""
    begin, end = TABLES
    before, rest = page.split(begin)
    return f'{before}{begin}\n{text}\n{end}{rest.split(end)[1]}'


def main(lines: Lines) -> None:
    draw(lines, PICTURE)
    PAGE.write_text(put_into(PAGE.read_text(), tables(lines)))
    print(f'{PICTURE} and the tables of {PAGE}: {len(lines)} of {len(rows())} rows')
