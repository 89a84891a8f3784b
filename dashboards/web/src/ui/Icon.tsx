/** The few pictograms of the dashboard, drawn in the colour of the text beside them. */

const PATHS = {
  overview: 'M3 13h6V3H3zM11 17h6V9h-6zM3 17h6v-2H3zM11 7h6V3h-6z',
  users:
    'M7 9a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM1.5 17a5.5 5.5 0 0 1 11 0M13 3.3a3 3 0 0 1 0 5.4M15 12a5.5 5.5 0 0 1 3.5 5',
  dialogs: 'M3 4h14v9H9l-4 4v-4H3z',
  models: 'M10 2l7 4v8l-7 4-7-4V6zM3 6l7 4 7-4M10 10v8',
  retention: 'M16 10a6 6 0 1 1-2-4.5M16 2v4h-4',
  quality: 'M10 2l7 3v5c0 4-3 7-7 8-4-1-7-4-7-8V5zM7 10l2 2 4-4',
  alerts: 'M5 14V9a5 5 0 0 1 10 0v5l1.5 1.5h-13zM8.5 18h3',
  accounts: 'M10 10a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM3 17.5a7 7 0 0 1 14 0',
  audit: 'M4 2.5h8l4 4v11H4zM12 2.5v4h4M7 10h6M7 13.5h6',
  download: 'M10 3v9M6 8.5l4 4 4-4M4 17h12',
  menu: 'M3 5h14M3 10h14M3 15h14',
  close: 'M5 5l10 10M15 5L5 15',
  sun: 'M10 6.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6L16 16M4 16l1.4-1.4M14.6 5.4L16 4',
  moon: 'M17 11.5A7 7 0 1 1 8.5 3a5.5 5.5 0 0 0 8.5 8.5z',
  auto: 'M10 2.5a7.5 7.5 0 1 0 0 15zM10 2.5a7.5 7.5 0 0 1 0 15',
  leave: 'M8 3H4v14h4M12 6l4 4-4 4M16 10H8',
  alert: 'M10 3l8 14H2zM10 8v4M10 14.5v.1',
  check: 'M4 10.5l4 4 8-9',
  table: 'M3 4h14v12H3zM3 8h14M3 12h14M8 8v8',
  chart: 'M4 17V9M8 17V4M12 17v-6M16 17V7',
  filter: 'M3 4h14l-5.5 6.5V16l-3 1.5v-7z',
  turns: 'M4 5h12M4 10h12M4 15h8',
  back: 'M12 4l-6 6 6 6',
  down: 'M5 8l5 5 5-5',
  search: 'M9 15.5a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13zM13.8 13.8L18 18',
  star: 'M10 2.5l2.3 4.8 5.2.7-3.8 3.6.9 5.2L10 14.3l-4.6 2.5.9-5.2L2.5 8l5.2-.7z',
  picture: 'M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 4M13 7.5v.1',
  lock: 'M5 9h10v8H5zM7 9V6a3 3 0 0 1 6 0v3',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
