// A certificate for tests, of an authority of its own that nothing else trusts. It names the addresses
// of both ends of the test networks, and is valid for a hundred years. Made with OpenSSL:
//   openssl ecparam -name prime256v1 -genkey -noout -out ca.key
//   openssl req -x509 -new -key ca.key -days 36500 -subj "/CN=Runtime.JS test authority" -out ca.pem
//   openssl req -new -key server.key -subj "/CN=guest.example.test" -out server.csr
//   openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 36499 -extfile names -out server.pem
// (server.key like ca.key; `names` holds subjectAltName=DNS:localhost,...,IP:127.0.0.1,...).

/** The authority's certificate, to trust. */
export const authority = `-----BEGIN CERTIFICATE-----
MIIBoDCCAUWgAwIBAgIUdVns2v/CnXdcUu4sJHb6BsFUURkwCgYIKoZIzj0EAwIw
JDEiMCAGA1UEAwwZUnVudGltZS5KUyB0ZXN0IGF1dGhvcml0eTAgFw0yNjExMjIw
MDExMTZaGA8yMTI2MTAyOTAwMTExNlowJDEiMCAGA1UEAwwZUnVudGltZS5KUyB0
ZXN0IGF1dGhvcml0eTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABH7rw8DCEXXq
PSBCUZfkwhm4QS3KdMfmOiEgbtao9RCD6dYH8KrA02HqKTD0FBAhxOmuO5shutK7
nu8I1F39Rj2jUzBRMB0GA1UdDgQWBBTgEOBj/7yhXI560xybwmKQUkAJJTAfBgNV
HSMEGDAWgBTgEOBj/7yhXI560xybwmKQUkAJJTAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0kAMEYCIQCAkj9hQbdLzFisANxbpKtld+vjZi82f0IOJuYe1w+1
vQIhALUF9Q5QvPmv2uYi6Cg8XnTdsFCPsSxdemNWcjgUWf7y
-----END CERTIFICATE-----
`;

/** The server's certificate. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIICKTCCAc6gAwIBAgIUDmfOkGPaipdZ4pwijf2m7S4tIgwwCgYIKoZIzj0EAwIw
JDEiMCAGA1UEAwwZUnVudGltZS5KUyB0ZXN0IGF1dGhvcml0eTAgFw0yNjExMjIw
MDExMTZaGA8yMTI2MTAyODAwMTExNlowHTEbMBkGA1UEAwwSZ3Vlc3QuZXhhbXBs
ZS50ZXN0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELgRd8q+xO6eO5vnTeiNx
V7TLMIyOFgFgvfqYNiI15ehNY/vsfwlpcWVTWG9VMOMqw5KXDa0wGKVT5qKJuKYd
3qOB4jCB3zAJBgNVHRMEAjAAMIGRBgNVHREEgYkwgYaCCWxvY2FsaG9zdIISZ3Vl
c3QuZXhhbXBsZS50ZXN0ghFob3N0LmV4YW1wbGUudGVzdIcEfwAAAYcQAAAAAAAA
AAAAAAAAAAAAAYcECgACAocECgACD4cECgAJAYcECgAJAocQ/QAACQAAAAAAAAAA
AAAAAYcQ/QAACQAAAAAAAAAAAAAAAjAdBgNVHQ4EFgQU6i0tWn/PL0WPpGYv0sAn
n/JJ1Z4wHwYDVR0jBBgwFoAU4BDgY/+8oVyOetMcm8JikFJACSUwCgYIKoZIzj0E
AwIDSQAwRgIhALRdt0J9Dd8fyt4lxdoqRZHP5zxV/pTxalLE/sKrQOw4AiEA+BKl
tSd+qo/tRQ45iX8+9sKzj6G7H2eArs0eori+Kng=
-----END CERTIFICATE-----
`;

/** The key of the server's certificate. */
export const privateKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpWBm5ZRuaruGJ1he
jtwu4yON8nN2QApRtoWPGz2e82GhRANCAAQuBF3yr7E7p47m+dN6I3FXtMswjI4W
AWC9+pg2IjXl6E1j++x/CWlxZVNYb1Uw4yrDkpcNrTAYpVPmoom4ph3e
-----END PRIVATE KEY-----
`;
