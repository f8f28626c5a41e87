// Knows CUPS' own server, with a configuration and folders of its own.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Daemon, startDaemon } from '../tool.ts'

/** Serves `/page.txt` to everybody and `/secret/page.txt` over TLS only; makes its certificate itself. */
export function startCupsd(): Promise<Daemon> {
  return startDaemon('cupsd', async (port, folder) => {
    for (const part of ['cache', 'spool/tmp', 'state', 'ssl', 'log', 'root', 'documents/secret']) {
      await mkdir(join(folder, part), { recursive: true })
    }
    await writeFile(join(folder, 'documents/page.txt'), 'open page')
    await writeFile(join(folder, 'documents/secret/page.txt'), 'secret page')
    const access = 'Order allow,deny\nAllow all'
    await writeFile(
      join(folder, 'cupsd.conf'),
      `Listen 127.0.0.1:${port}
Browsing Off
DefaultAuthType None
DefaultEncryption IfRequested
WebInterface Yes
<Location />
${access}
</Location>
<Location /secret>
Encryption Required
${access}
</Location>
`,
    )
    await writeFile(
      join(folder, 'cups-files.conf'),
      `ServerRoot ${folder}/root
CacheDir ${folder}/cache
RequestRoot ${folder}/spool
TempDir ${folder}/spool/tmp
StateDir ${folder}/state
ServerKeychain ${folder}/ssl
DocumentRoot ${folder}/documents
CreateSelfSignedCerts yes
AccessLog ${folder}/log/access
ErrorLog stderr
PageLog ${folder}/log/page
`,
    )
    return ['-f', '-c', join(folder, 'cupsd.conf'), '-s', join(folder, 'cups-files.conf')]
  })
}
