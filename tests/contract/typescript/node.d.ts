// The little of Node.js that the flows use.
declare const process: { argv: string[] };
declare module "node:http" {
  interface Request extends AsyncIterable<{ toString(): string }> {}
  interface Response {
    writeHead(status: number): Response;
    end(): void;
  }
  interface Server {
    listen(port: number, host: string, listening: () => void): void;
    address(): { port: number };
    close(): void;
    closeAllConnections(): void;
  }
  export function createServer(handle: (request: Request, response: Response) => void): Server;
}
