// Package interop holds the service against the clients that people really use: grpc-go on stubs made from proto/,
// the HTTP/1 habits of the Chainguard SDK, grpcurl and curl. Each test talks to `octo-sts sandbox`, the built server
// with an embedded GitHub and issuer behind it.
package interop

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The servers that the tests share; a test that ends or floods one starts its own.
var plain, secure *sandbox

func TestMain(m *testing.M) {
	os.Exit(func() int {
		directory, err := os.MkdirTemp("", "interop")
		if err != nil {
			return fatal(err)
		}
		defer os.RemoveAll(directory)
		certificate, err := makeCertificate(directory)
		if err != nil {
			return fatal(err)
		}
		if plain, err = startSandbox(); err != nil {
			return fatal(err)
		}
		defer plain.stop()
		if secure, err = startSandbox("--tls-cert", certificate.certFile, "--tls-key", certificate.keyFile); err != nil {
			return fatal(err)
		}
		defer secure.stop()
		secure.certFile, secure.roots = certificate.certFile, certificate.roots
		return m.Run()
	}())
}

func fatal(err error) int {
	fmt.Fprintln(os.Stderr, "FAIL: the sandbox does not start:", err)
	return 1
}

// A sandbox is the running server and what its first line of output says of it.
type sandbox struct {
	Address   string     `json:"address"`
	Domain    string     `json:"domain"`
	Issuer    string     `json:"issuer"`
	GitHub    string     `json:"github"`
	Exchanges []exchange `json:"exchanges"`

	certFile string
	roots    *x509.CertPool
	command  *exec.Cmd
	exited   chan error
}

// An exchange is one that the sandbox has prepared, with a fresh token for it.
type exchange struct {
	Name, Scope, Identity, Token string
	Works                        bool
	Reason                       string // of the refusal, when it does not work
}

func startSandbox(arguments ...string) (*sandbox, error) {
	main := os.Getenv("OCTO_STS_MAIN")
	if main == "" {
		main = filepath.Join("..", "..", "dist", "src", "main.js")
	}
	command := exec.Command("node", append([]string{main, "sandbox", "--json", "--port", "0"}, arguments...)...)
	var stderr lockedBuffer
	command.Stderr = &stderr
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	server := &sandbox{command: command, exited: make(chan error, 1)}
	first := make(chan []byte, 1)
	go func() {
		reader := bufio.NewReader(stdout)
		line, _ := reader.ReadBytes('\n')
		first <- line
		io.Copy(io.Discard, reader) // the log: a full pipe would stop the server
		server.exited <- command.Wait()
	}()
	select {
	case line := <-first:
		if err := json.Unmarshal(line, server); err != nil || server.Address == "" {
			command.Process.Kill()
			return nil, fmt.Errorf("its first line is %q (%v)\n%s", line, err, stderr.String())
		}
		return server, nil
	case <-time.After(30 * time.Second):
		command.Process.Kill()
		return nil, fmt.Errorf("it says nothing\n%s", stderr.String())
	}
}

// Stop ends the server as an orchestrator would, and tells how it exited.
func (s *sandbox) stop() error {
	s.command.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-s.exited:
		return err
	case <-time.After(20 * time.Second):
		s.command.Process.Kill()
		return errors.New("still running 20 s after SIGTERM")
	}
}

func (s *sandbox) url(path string) string {
	if s.roots != nil {
		return "https://" + s.Address + path
	}
	return "http://" + s.Address + path
}

// The sandbox's exchange whose policy allows refreshing.
const longJob = "a long job, with a refresh token"

func (s *sandbox) named(t *testing.T, name string) exchange {
	t.Helper()
	for _, candidate := range s.Exchanges {
		if candidate.Name == name {
			return candidate
		}
	}
	t.Fatalf("the sandbox has prepared no exchange %q", name)
	return exchange{}
}

// Working is an exchange of a repository's policy that gets a token.
func (s *sandbox) working(t *testing.T) exchange {
	t.Helper()
	for _, candidate := range s.Exchanges {
		if candidate.Works && strings.Contains(candidate.Scope, "/") {
			return candidate
		}
	}
	t.Fatal("the sandbox has prepared no exchange that works")
	return exchange{}
}

// Sign has the sandbox's issuer sign the claims of a prepared token with changes; a nil value drops a claim.
func (s *sandbox) sign(t *testing.T, prepared string, changes map[string]any) string {
	t.Helper()
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(prepared, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Post(s.Issuer+"/sandbox/token", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var signed struct{ Token string }
	if err := json.NewDecoder(answer.Body).Decode(&signed); err != nil || signed.Token == "" {
		t.Fatalf("the issuer signs nothing: %s %v", answer.Status, err)
	}
	return signed.Token
}

// CallGitHub uses an installation token as its holder would, and returns the status.
func (s *sandbox) callGitHub(t *testing.T, method, path, token string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), method, s.GitHub+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

func (s *sandbox) tlsConfig(protocols ...string) *tls.Config {
	return &tls.Config{RootCAs: s.roots, ServerName: "localhost", NextProtos: protocols}
}

type certificate struct {
	certFile, keyFile string
	roots             *x509.CertPool
}

// MakeCertificate writes a key and a self-signed certificate for localhost and 127.0.0.1.
func makeCertificate(directory string) (certificate, error) {
	made := certificate{filepath.Join(directory, "cert.pem"), filepath.Join(directory, "key.pem"), x509.NewCertPool()}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return made, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(time.Now().UnixNano()),
		Subject:               pkix.Name{CommonName: "localhost"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return made, err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return made, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	made.roots.AppendCertsFromPEM(certPEM)
	return made, errors.Join(os.WriteFile(made.certFile, certPEM, 0o600), os.WriteFile(made.keyFile, keyPEM, 0o600))
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.String()
}
