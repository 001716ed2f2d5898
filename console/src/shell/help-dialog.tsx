import { Dialog } from '../ui/dialog.tsx';
import { prefer, preferences } from '../ui/preferences.ts';
import { useStore } from '../ui/store.ts';

const KEYS: [string, [string[], string][]][] = [
  [
    'Anywhere',
    [
      [['?'], 'Show keyboard shortcuts'],
      [['g', 'o'], 'Go to the orders'],
      [['g', 'i'], 'Go to the incidents'],
      [['g', 'h'], 'Go to health'],
      [['g', 'w'], 'Go to the webhooks'],
      [['t'], 'Switch theme'],
      [['Esc'], 'Close, or clear the selection'],
    ],
  ],
  [
    'In a list',
    [
      [['/'], 'Search'],
      [['j'], 'Next row'],
      [['k'], 'Previous row'],
      [['Enter'], 'Open row'],
      [['x'], 'Select or deselect row'],
      [['Shift', 'J'], 'Extend selection down'],
      [['Shift', 'K'], 'Extend selection up'],
      [['a'], 'Select all rows on the page'],
      [['s'], 'Change status of selected orders'],
      [['n'], 'Older orders'],
      [['p'], 'Newer orders'],
    ],
  ],
  [
    'On an order',
    [
      [['s'], 'Change the status'],
      [['e'], 'Edit the order'],
      [['u'], 'Back to the list'],
    ],
  ],
];

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const { shortcuts } = useStore(preferences);
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <div className="help">
        {KEYS.map(([place, keys]) => (
          <section key={place}>
            <h3>{place}</h3>
            <dl>
              {keys.map(([combination, meaning]) => (
                <div key={meaning}>
                  <dt>
                    {combination.map((key) => (
                      <kbd key={key}>{key}</kbd>
                    ))}
                  </dt>
                  <dd>{meaning}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <label className="check">
        <input
          type="checkbox"
          checked={shortcuts}
          onChange={(event) => prefer({ shortcuts: event.target.checked })}
        />
        Single-key shortcuts (turn off if you use speech input)
      </label>
    </Dialog>
  );
}
