"""Nodes on the canvas for several tests: brought in view, resized, and a graph that shows a file of attention."""

from collections.abc import Sequence

from p2p.tests.browser import ui
from playwright.sync_api import Page

CORNER = """kind => {
  const node = app.canvas.graph.nodes.find((n) => n.type === kind);
  const shown = document.querySelector(`[data-node-id="${node.id}"]`)?.getBoundingClientRect();
  const {ds} = app.canvas;
  return shown
    ? [shown.right, shown.bottom]
    : [0, 1].map((axis) => (node.pos[axis] + node.size[axis] + ds.offset[axis]) * ds.scale);
}"""


def show(page: Page, kind: str, scale: float = 1, place: tuple[int, int] = (300, 100)) -> None:
    """Bring the first node of a class to a place of the page: widgets of nodes that are out of sight are not on it."""
    page.evaluate(
        """([kind, scale, place]) => {
          const node = app.canvas.graph.nodes.find((n) => n.type === kind);
          const {ds} = app.canvas;
          ds.scale = scale;
          for (const axis of [0, 1]) ds.offset[axis] = place[axis] / scale - node.pos[axis];
          app.canvas.setDirty(true, true);
        }""",
        [kind, scale, list(place)],
    )
    ui.settle(page, 10)


def resize(page: Page, kind: str, wider: int, taller: int) -> None:
    """Drag the lower right corner of the first node of a class, which is in view, by pixels of the page."""
    x, y = page.evaluate(CORNER, kind)
    page.mouse.move(x - 5, y - 5)
    page.mouse.down()
    page.mouse.move(x - 5 + wider, y - 5 + taller, steps=5)
    page.mouse.up()
    ui.settle(page)


def set_seed(page: Page, seed: int) -> None:
    """One that the server has not sampled yet: what it has is not run again, and the renderers share the server."""
    ui.set_widget(page, "KSampler", "seed", seed + 1000 * (ui.renderer_of(page) == "vue"))


def maps_of_file(page: Page, file: str, colours: Sequence[int], size: tuple[int, int], words: str = "") -> None:
    """Put a graph on the canvas that shows a file of attention on two plain pictures of a size (height, width)."""
    page.evaluate(
        """([file, colours, [height, width], words]) => {
          const add = (kind, pos, values = {}) => {
            const node = LiteGraph.createNode(kind);
            node.pos = pos;
            app.graph.add(node);
            for (const [name, value] of Object.entries(values)) {
              const widget = node.widgets.find((w) => w.name === name);
              widget.value = value;
              widget.callback?.(value);
            }
            return node;
          };
          const load = add('P2PLoadAttention', [0, 0], {file});
          const maps = add('P2PAttentionMaps', [900, 0], {words});
          const batch = add('ImageBatch', [600, 0]);
          colours.forEach((color, place) => {
            const picture = add('EmptyImage', [300, 200 * place], {width, height, batch_size: 1, color});
            picture.connect(0, batch, place);
          });
          load.connect(0, maps, 'attention');
          batch.connect(0, maps, 'image');
        }""",
        [file, list(colours), list(size), words],
    )
    ui.settle(page)
