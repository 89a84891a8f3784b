import { readFile, writeFile } from 'node:fs/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { loadEnv, type Plugin } from 'vite';
import { defineConfig } from 'vitest/config';
import { dividedTexts } from './build/texts.ts';

// Everything is served by the API from one origin; `npm run dev` forwards to a running one.
const api = loadEnv('', '.', 'API_').API_URL ?? 'http://127.0.0.1:8000';

/** Lays a compressed copy beside each file, so that the server never compresses. */
function compressedCopies(): Plugin {
  return {
    name: 'compressed-copies',
    apply: 'build',
    async writeBundle({ dir }, bundle) {
      const texts = Object.keys(bundle).filter((name) => /\.(js|css|html)$/.test(name));
      for (const name of texts) {
        const path = `${dir}/${name}`;
        const content = await readFile(path);
        await writeFile(`${path}.br`, brotliCompressSync(content));
        await writeFile(`${path}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  plugins: [dividedTexts(), react(), compressedCopies()],
  // The API takes requests of its own origin alone, by the name that the browser asked.
  server: { proxy: { '/api': { target: api, changeOrigin: false } } },
  build: {
    target: 'es2022',
    // Tells `make test-web` which files the first page loads.
    manifest: true,
    // Inlined assets would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    environment: 'jsdom',
    globals: true,
    include: ['tests/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts'],
    restoreMocks: true,
    // Of a test that hangs: a shared machine is slow.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two workers: the machine is shared with the databases of the other suites.
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['src/**/*.{ts,tsx}'],
      exclude: ['src/main.tsx', 'src/**/*.d.ts'],
      reporter: ['text-summary', 'json-summary'],
      thresholds: { lines: 85, statements: 85 },
    },
  },
});
