#!/usr/bin/python3
"""A mail server for tests. It takes every mail and keeps it in a folder, one file each, but for some addresses:

    refused…@   there is no such mailbox (550)        busy…@     not now, the first time (451)
    dropped…@   it takes the mail and says nothing    slow…@     it thinks for half a second

It prints its port and runs until its input ends."""

import asyncio, itertools, os, sys, time
from aiosmtpd.smtp import SMTP

FOLDER = sys.argv[1]
numbers, busy = itertools.count(1), set()


class Sink:
    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.lower()
        if name.startswith("refused"):
            return "550 5.1.1 no such mailbox"
        if name.startswith("busy") and name not in busy:
            busy.add(name)
            return "451 4.7.1 come back later"
        if name.startswith("slow"):
            await asyncio.sleep(0.5)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        name = "%d-%06d.eml" % (os.getpid(), next(numbers))
        with open(os.path.join(FOLDER, name + ".new"), "wb") as file:
            file.write(("X-Got-For: %s\r\nX-Got-At: %.6f\r\n" % (envelope.rcpt_tos[0], time.time())).encode())
            file.write(envelope.content)
        os.rename(os.path.join(FOLDER, name + ".new"), os.path.join(FOLDER, name))
        if envelope.rcpt_tos[0].lower().startswith("dropped"):
            server.transport.close()
            return "421 gone"
        return "250 OK taken"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Sink(), hostname="sink.test", enable_SMTPUTF8=True), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
