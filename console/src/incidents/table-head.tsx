interface Props {
  columns: readonly string[];
}

/** The head of a table whose parts have explicit roles, because narrow screens show its rows as blocks. */
export function TableHead({ columns }: Props) {
  return (
    <thead role="rowgroup">
      <tr role="row">
        {columns.map((name) => (
          <th key={name} role="columnheader" scope="col">
            {name}
          </th>
        ))}
      </tr>
    </thead>
  );
}
