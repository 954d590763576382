package interop

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"octo-sts.dev/interop/gen/oidc"
)

// Grpcurl knows the service from reflection alone: no proto file is given to it.
func TestGrpcurl(t *testing.T) {
	for transport, server := range map[string]*sandbox{"plain text": plain, "TLS": secure} {
		t.Run(transport, func(t *testing.T) {
			security := []string{"-plaintext"}
			if server.roots != nil {
				security = []string{"-cacert", server.certFile, "-servername", "localhost"}
			}
			grpcurl := func(arguments ...string) string { return run(t, "grpcurl", append(security, arguments...)...) }

			services := strings.Fields(grpcurl(server.Address, "list"))
			for _, name := range []string{service, "grpc.health.v1.Health"} {
				if !slices.Contains(services, name) {
					t.Errorf("list has %v, not %s", services, name)
				}
			}
			for name, want := range map[string]string{
				service:                             "rpc Exchange ( .chainguard.platform.oidc.ExchangeRequest ) returns ( .chainguard.platform.oidc.RawToken )",
				"chainguard.platform.oidc.RawToken": ".google.protobuf.Timestamp expiry = 3",
				"chainguard.platform.oidc.ExchangeRequest": "repeated string scopes = 8",
			} {
				if described := grpcurl(server.Address, "describe", name); !strings.Contains(described, want) {
					t.Errorf("describe %s says %q, which lacks %q", name, described, want)
				}
			}

			prepared := server.working(t)
			request := `{"scope":"` + prepared.Scope + `","identity":"` + prepared.Identity + `"}`
			answer := grpcurl("-H", "authorization: Bearer "+prepared.Token, "-d", request, server.Address, service+"/Exchange")
			checkIssued(t, server, protoToken(t, answer))

			health := grpcurl("-d", `{"service":"`+service+`"}`, server.Address, "grpc.health.v1.Health/Check")
			if !strings.Contains(health, "SERVING") {
				t.Errorf("health is %s", health)
			}
		})
	}
}

func TestCurl(t *testing.T) {
	for _, row := range []struct {
		name    string
		server  *sandbox
		flags   []string
		version string
	}{
		{"HTTP/1.1", plain, []string{"--http1.1"}, "1.1"},
		{"HTTP/1.0", plain, []string{"--http1.0"}, "1.1"}, // Node answers 1.0 as 1.1 and closes
		{"h2c with prior knowledge", plain, []string{"--http2-prior-knowledge"}, "2"},
		{"h2c upgrade, declined", plain, []string{"--http2"}, "1.1"},
		{"TLS, HTTP/1.1", secure, []string{"--http1.1"}, "1.1"},
		{"TLS, h2", secure, []string{"--http2"}, "2"},
		{"TLS without ALPN", secure, []string{"--no-alpn"}, "1.1"},
		{"TLS 1.2", secure, []string{"--tls-max", "1.2"}, "2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			prepared, base := row.server.working(t), "http://"+row.server.Address
			if row.server.roots != nil {
				base = "https://" + row.server.Address
			}
			for name, arguments := range map[string][]string{
				"GET":          {base + "/sts/exchange?scope=" + prepared.Scope + "&identity=" + prepared.Identity},
				"POST":         {"--data-urlencode", "scope=" + prepared.Scope, "--data-urlencode", "identity=" + prepared.Identity, base + "/sts/exchange"},
				"POST of JSON": {"--json", `{"scope":"` + prepared.Scope + `","identity":"` + prepared.Identity + `"}`, base + "/sts/exchange"},
			} {
				t.Run(name, func(t *testing.T) {
					flags := append([]string{"--silent", "--show-error", "--fail-with-body", "--max-time", "10",
						"--write-out", "\n%{http_version}", "--header", "Authorization: Bearer " + prepared.Token}, row.flags...)
					if row.server.roots != nil {
						flags = append(flags, "--cacert", row.server.certFile)
					}
					body, version, _ := strings.Cut(run(t, "curl", append(flags, arguments...)...), "\n")
					if version != row.version {
						t.Errorf("spoke HTTP/%s, want %s", version, row.version)
					}
					checkIssued(t, row.server, strictToken(t, []byte(body)))
				})
			}
		})
	}
}

// The octo-sts action asks with nothing percent-encoded and reads `.token` and nothing else.
func TestActionHabit(t *testing.T) {
	prepared := plain.working(t)
	token := run(t, "bash", "-euo", "pipefail", "-c",
		`curl --silent --fail -H "Authorization: Bearer $1" "$2/sts/exchange?scope=$3&identity=$4" | jq -r .token`,
		"bash", prepared.Token, "http://"+plain.Address, prepared.Scope, prepared.Identity)
	if got := plain.callGitHub(t, "GET", "/installation/repositories", strings.TrimSpace(token)); got != 200 {
		t.Errorf("the token gets %d at GitHub, want 200", got)
	}
}

func run(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	var stderr strings.Builder
	command := exec.CommandContext(t.Context(), name, arguments...)
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, output, stderr.String())
	}
	return string(output)
}

// ProtoToken reads what grpcurl prints: proto3 JSON, unset fields left out.
func protoToken(t *testing.T, printed string) *oidc.RawToken {
	t.Helper()
	token := new(oidc.RawToken)
	if err := protojson.Unmarshal([]byte(printed), token); err != nil {
		t.Fatalf("%s: %v", printed, err)
	}
	return token
}
