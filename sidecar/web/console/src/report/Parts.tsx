import type { ReactNode } from "react";

/** A part of a report, with its heading in the outline. */
export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section>
      <h2>{title}</h2>
      {children}
    </section>
  );
}

interface HeadProps {
  /** Subject of the report. */
  kind: string;
  title: string;
  facts: readonly string[];
  /** Address in the console; empty: not known. */
  link: string;
}

/** The top of a report. */
export function Head({ kind, title, facts, link }: HeadProps) {
  return (
    <header className="head">
      <p className="kind">Afterimage · {kind}</p>
      <h1>
        <bdi>{title}</bdi>
      </h1>
      <p className="soft">{facts.filter(Boolean).join(" · ")}</p>
      {link === "" ? null : (
        <p>
          <a href={link}>{link}</a>
        </p>
      )}
    </header>
  );
}

interface RowsProps<Row> {
  /** Headings of the columns; those that begin with "#" are of numbers, those with "@" of times. */
  columns: readonly string[];
  rows: readonly Row[];
  /** Rows that are shown at most. */
  most: number;
  /** Noun of the rows, in the plural. */
  noun: string;
  /** Words in place of a table without rows. */
  empty: string;
  children: (row: Row) => readonly ReactNode[];
}

/** A table, cut at a number of rows that it names. */
export function Rows<Row>({ columns, rows, most, noun, empty, children }: RowsProps<Row>) {
  if (rows.length === 0) {
    return <p className="soft">{empty}</p>;
  }
  return (
    <>
      <table>
        <thead>
          <tr>
            {columns.map((name) => (
              <th key={name} scope="col" className={classOf(name)}>
                {name.replace(/^[#@]/, "")}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, most).map((row, at) => (
            <tr key={at}>
              {children(row).map((cell, column) => (
                <td key={column} className={classOf(columns[column] ?? "")}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <LeftOut shown={most} all={rows.length} noun={noun} />
    </>
  );
}

function classOf(name: string): string | undefined {
  return name.startsWith("#") ? "number" : name.startsWith("@") ? "time" : undefined;
}

/** A sentence about rows that a limit has left out. */
export function LeftOut({ shown, all, noun }: { shown: number; all: number; noun: string }) {
  return all <= shown ? null : (
    <p className="soft">
      These are the first {shown.toLocaleString("en")} of {all.toLocaleString("en")} {noun}.
    </p>
  );
}
