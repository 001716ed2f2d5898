import { Dialog } from '../ui/dialog.tsx';
import { prefer, preferences } from '../ui/preferences.ts';
import { useStore } from '../ui/store.ts';

const KEYS: [string, [string[], string][]][] = [
  [
    'Anywhere',
    [
      [['?'], 'Show this'],
      [['g', 'o'], 'Go to the orders'],
      [['g', 'i'], 'Go to the incidents'],
      [['g', 'h'], 'Go to health'],
      [['t'], 'Light or dark'],
      [['Esc'], 'Close, or let go of the selection'],
    ],
  ],
  [
    'In a list',
    [
      [['/'], 'Search'],
      [['j'], 'Next row'],
      [['k'], 'Previous row'],
      [['Enter'], 'Open the row'],
      [['x'], 'Select the row, or not'],
      [['Shift', 'J'], 'Select on the way down'],
      [['Shift', 'K'], 'Select on the way up'],
      [['a'], 'Select all rows of the page'],
      [['s'], 'Change the status of what is selected'],
      [['n'], 'Older orders'],
      [['p'], 'Newer orders'],
    ],
  ],
  [
    'On an order',
    [
      [['s'], 'Change the status'],
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
        Single letters are shortcuts (turn it off if you speak to your computer)
      </label>
    </Dialog>
  );
}
