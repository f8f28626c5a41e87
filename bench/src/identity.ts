// Knows who the servers of the bench are over TLS, on this machine only. The key is public: never use it elsewhere.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const certificate = `-----BEGIN CERTIFICATE-----
MIIBsTCCAVagAwIBAgIUZ//wVLypPxAMGbFIyxHuLn1udu8wCgYIKoZIzj0EAwIw
FzEVMBMGA1UEAwwMdHVybm91dCB0ZXN0MCAXDTI2MTEyMTAzMjYwMloYDzIxMjYx
MDI4MDMyNjAyWjAXMRUwEwYDVQQDDAx0dXJub3V0IHRlc3QwWTATBgcqhkjOPQIB
BggqhkjOPQMBBwNCAASnzAzWxxQ+RbpM7i+2aMzlPuEZe84QLCc7Eu7TDl58I8mz
FKvWq4WUzq2HWMEJKQ8HDOr7Ui1x0fFj1yV5mJxdo34wfDAdBgNVHQ4EFgQUCNCn
MjtTbXc8DTbF/t+uCRHQipIwHwYDVR0jBBgwFoAUCNCnMjtTbXc8DTbF/t+uCRHQ
ipIwDwYDVR0TAQH/BAUwAwEB/zApBgNVHREEIjAggglsb2NhbGhvc3SCDW90aGVy
LmV4YW1wbGWHBH8AAAEwCgYIKoZIzj0EAwIDSQAwRgIhAJL227tCm036SqaZ+R6X
zRBtOr1z9bl/eE7K+B4gg1seAiEAyLbiqEd+9XCF8M8cRmS8rt+Tq/C66pYBjDIw
qiXqw/E=
-----END CERTIFICATE-----`

export const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZOdUOzgNKCyg9Z3u
zAUzNjv4sWp7D2ODLlJ3beK+fdOhRANCAASnzAzWxxQ+RbpM7i+2aMzlPuEZe84Q
LCc7Eu7TDl58I8mzFKvWq4WUzq2HWMEJKQ8HDOr7Ui1x0fFj1yV5mJxd
-----END PRIVATE KEY-----`

/** The same in files, for a server that wants their names; they go with the process. */
export function identityFiles(): { readonly cert: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'bench-identity-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const [cert, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  writeFileSync(cert, certificate)
  writeFileSync(key, privateKey)
  return { cert, key }
}
