// A certified OpenID provider with handles for tests: its keys can be rotated and it counts who asks for them.
//
//   POST /token                 as any client of the provider
//   POST /handles/people        {"back": URL}: where the client console may send people back to
//   POST /handles/keys          {"publish": [names], "sign": name}: which keys there are, and the one that signs
//   GET  /handles/asked         how often discovery document and key set were asked for
//
// A provider's keys are fixed when it is made, so each change of them makes another provider behind the same address.
import {generateKeyPairSync} from 'node:crypto';
import {createServer} from 'node:http';
import {Provider} from 'oidc-provider';

const keys = new Map();
const asked = {discovery: 0, jwks: 0};
let issuer;
let handle;
let served;
let back = [];

function keyNamed(name) {
  if (!keys.has(name)) {
    const {privateKey} = generateKeyPairSync('rsa', {modulusLength: 2048});
    keys.set(name, {...privateKey.export({format: 'jwk'}), kid: name, alg: 'RS256', use: 'sig'});
  }
  return keys.get(name);
}

function serveWith({publish, sign}) {
  served = {publish, sign};
  const ordered = [sign, ...publish.filter(name => name !== sign)].map(keyNamed);
  const resource = {scope: 'infer', audience: 'urn:guardhouse', accessTokenFormat: 'jwt', accessTokenTTL: 120,
    jwt: {sign: {alg: 'RS256', kid: sign}}};
  const provider = new Provider(issuer, {
    jwks: {keys: ordered},
    clients: [
      ...['batch', 'stranger'].map(client_id => ({client_id, client_secret: 'secret-of-the-tests',
        grant_types: ['client_credentials'], redirect_uris: [], response_types: []})),
      ...(back.length ? [{client_id: 'console', client_secret: 'secret-of-the-tests',
        grant_types: ['authorization_code'], redirect_uris: back, response_types: ['code']}] : []),
    ],
    claims: {openid: ['sub'], groups: ['groups']},
    conformIdTokenClaims: false,
    pkce: {required: () => true},
    findAccount: (_, id) => ({accountId: id, claims: () => ({sub: id, groups: [`group-of-${id}`]})}),
    extraTokenClaims: () => ({groups: ['research']}),
    features: {
      clientCredentials: {enabled: true},
      devInteractions: {enabled: back.length > 0},
      resourceIndicators: {enabled: true, defaultResource: () => 'urn:guardhouse', getResourceServerInfo: () => resource},
    },
  });
  handle = provider.callback();
}

async function bodyOf(request) {
  let text = '';
  for await (const part of request) text += part;
  return JSON.parse(text);
}

const server = createServer(async (request, response) => {
  if (request.url === '/handles/people') {
    back = [(await bodyOf(request)).back];
    serveWith(served);
    response.end('{}');
  } else if (request.url === '/handles/keys') {
    serveWith(await bodyOf(request));
    response.end('{}');
  } else if (request.url === '/handles/asked') {
    response.end(JSON.stringify(asked));
  } else {
    if (request.url === '/.well-known/openid-configuration') asked.discovery += 1;
    if (request.url === '/jwks') asked.jwks += 1;
    handle(request, response);
  }
});

server.listen(0, '127.0.0.1', () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  serveWith({publish: ['first'], sign: 'first'});
  console.log(issuer);
});
