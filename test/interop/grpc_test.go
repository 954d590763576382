package interop

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"

	"octo-sts.dev/interop/gen/oidc"
)

const service = "chainguard.platform.oidc.SecurityTokenService"

func TestExchange(t *testing.T) {
	for transport, server := range map[string]*sandbox{"plain text": plain, "TLS": secure} {
		for _, prepared := range server.Exchanges {
			t.Run(transport+"/"+prepared.Name, func(t *testing.T) {
				client := oidc.NewSecurityTokenServiceClient(dial(t, server))
				// Clients send both the new field and the deprecated one.
				token, err := client.Exchange(authorized(t, prepared.Token), &oidc.ExchangeRequest{
					Scope: prepared.Scope, Scopes: []string{prepared.Scope}, Identity: prepared.Identity,
				})
				if !prepared.Works {
					if reason := refusedFor(t, server, err); reason != prepared.Reason {
						t.Errorf("got %s (%v), want %s", reason, err, prepared.Reason)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if prepared.Name == longJob {
					if token.GetRefreshToken() == "" {
						t.Error("there is no refresh token")
					}
					checkToken(t, server, token)
					return
				}
				checkIssued(t, server, token)
			})
		}
	}
}

func TestScopesWinsOverScope(t *testing.T) {
	client, prepared := oidc.NewSecurityTokenServiceClient(dial(t, plain)), plain.working(t)
	token, err := client.Exchange(authorized(t, prepared.Token), &oidc.ExchangeRequest{
		Scope: "nobody/nothing", Scopes: []string{prepared.Scope}, Identity: prepared.Identity,
		Aud: []string{"means nothing"}, Cap: []string{"ignored"}, IdentityProvider: "means nothing",
	})
	if err != nil {
		t.Fatal(err)
	}
	checkIssued(t, plain, token)
}

func TestRefusals(t *testing.T) {
	prepared := plain.working(t)
	bearer := func(token string) []string { return []string{"Bearer " + token} }
	good := bearer(prepared.Token)
	changed := func(changes map[string]any) []string { return bearer(plain.sign(t, prepared.Token, changes)) }
	head, tail, _ := strings.Cut(prepared.Token, ".")
	payload, signature, _ := strings.Cut(tail, ".")
	forged := strings.Join([]string{head, payload, flip(signature)}, ".")
	owner, _, _ := strings.Cut(prepared.Scope, "/")
	scopes := func(scopes ...string) *oidc.ExchangeRequest {
		return &oidc.ExchangeRequest{Scopes: scopes, Identity: prepared.Identity}
	}
	identity := func(identity string) *oidc.ExchangeRequest {
		return &oidc.ExchangeRequest{Scope: prepared.Scope, Identity: identity}
	}
	asked := identity(prepared.Identity)

	for _, row := range []struct {
		name          string
		authorization []string
		request       *oidc.ExchangeRequest
		code          codes.Code
		reason        string
		says          string
	}{
		{"no authorization", nil, asked, codes.Unauthenticated, "AUTHORIZATION_MISSING", "expected exactly one authorization header"},
		{"two authorizations", append(bearer(prepared.Token), good...), asked, codes.Unauthenticated, "AUTHORIZATION_REPEATED", "expected exactly one authorization header"},
		{"a bare token", []string{prepared.Token}, asked, codes.Unauthenticated, "AUTHORIZATION_MALFORMED", ""},
		{"no JWT", bearer("garbage"), asked, codes.InvalidArgument, "TOKEN_MALFORMED", "invalid bearer token"},
		{"several scopes", good, scopes("a/b", "c/d"), codes.InvalidArgument, "SCOPES_MULTIPLE", "multiple scopes not supported"},
		{"no scope", good, scopes(), codes.InvalidArgument, "SCOPE_MISSING", "scope must be provided"},
		{"no identity", good, identity(""), codes.InvalidArgument, "IDENTITY_MISSING", "identity must be provided"},
		{"a scope that climbs", good, scopes("x/../" + prepared.Scope), codes.InvalidArgument, "SCOPE_MALFORMED", "scope"},
		{"an identity that climbs", good, identity("../" + prepared.Identity), codes.InvalidArgument, "IDENTITY_MALFORMED", "identity"},
		{"a forged signature", bearer(forged), asked, codes.Unauthenticated, "SIGNATURE_INVALID", "unable to verify bearer token"},
		{"an expired token", changed(map[string]any{"iat": 1_000_000, "exp": 1_000_300}), asked, codes.Unauthenticated, "TOKEN_EXPIRED", "unable to verify bearer token"},
		{"a token of tomorrow", changed(map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}), asked, codes.Unauthenticated, "TOKEN_NOT_YET_VALID", "unable to verify bearer token"},
		{"an issuer without TLS", changed(map[string]any{"iss": "http://issuer.example"}), asked, codes.InvalidArgument, "ISSUER_MALFORMED", "invalid issuer format"},
		{"another subject", changed(map[string]any{"sub": "somebody else"}), asked, codes.PermissionDenied, "SUBJECT_MISMATCH", "trust policy: "},
		{"another audience", changed(map[string]any{"aud": "https://elsewhere.example"}), asked, codes.PermissionDenied, "AUDIENCE_MISMATCH", "trust policy: "},
		{"an owner without the App", good, scopes("nobody/nothing"), codes.NotFound, "APP_NOT_INSTALLED", "no installation found for"},
		{"a repository that is not there", good, scopes(owner + "/nothing-here"), codes.NotFound, "REPOSITORY_NOT_SELECTED", "unable to find trust policy for"},
		{"an identity without a policy", good, identity("nobody"), codes.NotFound, "POLICY_NOT_FOUND", "unable to find trust policy for"},
		{"a token over the limit", bearer(strings.Repeat("x", 17_000)), asked, codes.OK, "TOKEN_TOO_LARGE", "invalid bearer token"},
	} {
		t.Run(row.name, func(t *testing.T) {
			client := oidc.NewSecurityTokenServiceClient(dial(t, plain))
			_, err := client.Exchange(withAuthorization(t, row.authorization), row.request)
			reason := refusedFor(t, plain, err)
			refusal := status.Convert(err)
			if row.code != codes.OK && refusal.Code() != row.code || reason != row.reason {
				t.Errorf("got %s %s (%s), want %s %s", refusal.Code(), reason, refusal.Message(), row.code, row.reason)
			}
			if !strings.HasPrefix(refusal.Message(), row.says) {
				t.Errorf("the message is %q, want it to begin with %q", refusal.Message(), row.says)
			}
		})
	}

	t.Run("a parameter at fault is named", func(t *testing.T) {
		client := oidc.NewSecurityTokenServiceClient(dial(t, plain))
		_, err := client.Exchange(withAuthorization(t, good), scopes())
		violations := detail[*errdetails.BadRequest](t, err).GetFieldViolations()
		if len(violations) != 1 || violations[0].GetField() != "scope" {
			t.Errorf("got %v, want the one field scope", violations)
		}
	})
}

func TestClientMetadata(t *testing.T) {
	client, prepared := oidc.NewSecurityTokenServiceClient(dial(t, plain)), plain.working(t)
	ctx := metadata.AppendToOutgoingContext(authorized(t, prepared.Token),
		"cgclientid", "interop", "cgrequestid", "interop-7",
		"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	_, err := client.Exchange(ctx, &oidc.ExchangeRequest{Scope: prepared.Scope, Identity: "nobody"})
	if id := detail[*errdetails.RequestInfo](t, err).GetRequestId(); id != "interop-7" {
		t.Errorf("the request id is %q, want the client's own", id)
	}
}

func TestFiftyAtOnceEachGetTheirOwnToken(t *testing.T) {
	client, prepared := oidc.NewSecurityTokenServiceClient(dial(t, plain)), plain.working(t)
	ctx := authorized(t, prepared.Token)
	tokens := make(chan string, 50)
	var group sync.WaitGroup
	for range cap(tokens) {
		group.Go(func() {
			token, err := client.Exchange(ctx, &oidc.ExchangeRequest{Scope: prepared.Scope, Identity: prepared.Identity})
			if err != nil {
				t.Error(err)
				return
			}
			tokens <- token.GetToken()
		})
	}
	group.Wait()
	close(tokens)
	seen := map[string]bool{}
	for token := range tokens {
		seen[token] = true
	}
	if len(seen) != cap(tokens) {
		t.Errorf("got %d tokens, want %d that differ", len(seen), cap(tokens))
	}
}

func TestCompressedRequest(t *testing.T) {
	client, prepared := oidc.NewSecurityTokenServiceClient(dial(t, plain)), plain.working(t)
	token, err := client.Exchange(authorized(t, prepared.Token),
		&oidc.ExchangeRequest{Scope: prepared.Scope, Identity: prepared.Identity}, grpc.UseCompressor(gzip.Name))
	if err != nil {
		t.Fatal(err)
	}
	checkIssued(t, plain, token)
}

func TestSixteenKiBTokenArrives(t *testing.T) {
	for transport, server := range map[string]*sandbox{"plain text": plain, "TLS": secure} {
		t.Run(transport, func(t *testing.T) {
			client, prepared := oidc.NewSecurityTokenServiceClient(dial(t, server)), server.working(t)
			token, err := client.Exchange(authorized(t, filledToken(t, server)),
				&oidc.ExchangeRequest{Scope: prepared.Scope, Identity: prepared.Identity})
			if err != nil {
				t.Fatal(err)
			}
			checkIssued(t, server, token)
		})
	}
}

// FilledToken is a good token with a claim that brings it just under the limit of 16384 bytes.
func filledToken(t *testing.T, server *sandbox) string {
	t.Helper()
	prepared := server.working(t)
	bare := server.sign(t, prepared.Token, map[string]any{"filler": ""})
	filler := strings.Repeat("x", (16_380-len(bare))*3/4) // base64 makes four characters of three
	filled := server.sign(t, prepared.Token, map[string]any{"filler": filler})
	if len(filled) < 16_300 || len(filled) > 16_384 {
		t.Fatalf("the token has %d bytes", len(filled))
	}
	return filled
}

func TestMessageOverFourMiB(t *testing.T) {
	client, prepared := oidc.NewSecurityTokenServiceClient(dial(t, plain)), plain.working(t)
	_, err := client.Exchange(authorized(t, prepared.Token), &oidc.ExchangeRequest{Identity: strings.Repeat("x", 5<<20)})
	if code := status.Code(err); code != codes.ResourceExhausted {
		t.Errorf("got %v, want ResourceExhausted", err)
	}
}

func TestUnknownMethod(t *testing.T) {
	for _, method := range []string{"/" + service + "/Nothing", "/no.such.Service/Exchange"} {
		err := dial(t, plain).Invoke(t.Context(), method, &oidc.ExchangeRequest{}, &oidc.RawToken{})
		if code := status.Code(err); code != codes.Unimplemented {
			t.Errorf("%s: got %v, want Unimplemented", method, err)
		}
	}
}

func TestDeadline(t *testing.T) {
	client, prepared := oidc.NewSecurityTokenServiceClient(dial(t, plain)), plain.working(t)
	request := &oidc.ExchangeRequest{Scope: prepared.Scope, Identity: prepared.Identity}
	ctx, cancel := context.WithTimeout(authorized(t, prepared.Token), time.Microsecond)
	defer cancel()
	if _, err := client.Exchange(ctx, request); status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
	// The connection is still good for the next call.
	ctx, cancel = context.WithTimeout(authorized(t, prepared.Token), 9*time.Second)
	defer cancel()
	if _, err := client.Exchange(ctx, request); err != nil {
		t.Error(err)
	}
}

// Who waits for a server gets an answer as soon as there is one.
func TestWaitForReady(t *testing.T) {
	port := freePort(t)
	connection, err := grpc.NewClient("127.0.0.1:"+port, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	answered := make(chan error, 1)
	go func() {
		_, err := oidc.NewSecurityTokenServiceClient(connection).Exchange(
			authorized(t, "garbage"), &oidc.ExchangeRequest{Scope: "a/b", Identity: "c"}, grpc.WaitForReady(true))
		answered <- err
	}()
	server, err := startSandbox("--port", port)
	if err != nil {
		t.Fatal(err)
	}
	defer server.stop()
	if err := <-answered; status.Code(err) != codes.InvalidArgument {
		t.Errorf("got %v, want InvalidArgument", err)
	}
}

// Clients ping every 30 s without a stream. A server that minds answers the third ping with GOAWAY; here each is acknowledged.
func TestPingsWithoutStreams(t *testing.T) {
	for transport, server := range map[string]*sandbox{"plain text": plain, "TLS": secure} {
		t.Run(transport, func(t *testing.T) {
			framer := openHTTP2(t, server)
			const pings = 12
			for index := range byte(pings) {
				if err := framer.WritePing(false, [8]byte{index}); err != nil {
					t.Fatal(err)
				}
			}
			for acknowledged := 0; acknowledged < pings; {
				frame, err := framer.ReadFrame()
				if err != nil {
					t.Fatalf("after %d acknowledgements: %v", acknowledged, err)
				}
				switch frame := frame.(type) {
				case *http2.PingFrame:
					if frame.IsAck() {
						acknowledged++
					}
				case *http2.GoAwayFrame:
					t.Fatalf("after %d acknowledgements: GOAWAY %s %q", acknowledged, frame.ErrCode, frame.DebugData())
				}
			}
		})
	}
}

func TestHealth(t *testing.T) {
	client := grpc_health_v1.NewHealthClient(dial(t, plain))
	for _, name := range []string{"", service} {
		answer, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: name})
		if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			t.Errorf("Check(%q): got %v %v, want SERVING", name, answer, err)
		}
	}
	if _, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "nothing"}); status.Code(err) != codes.NotFound {
		t.Errorf("Check of an unknown service: got %v, want NotFound", err)
	}
	watch, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := watch.Recv(); err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("Watch: got %v %v, want SERVING", answer, err)
	}
}

func TestReflection(t *testing.T) {
	connection := dial(t, plain)
	t.Run("v1", func(t *testing.T) {
		stream, err := reflectionv1.NewServerReflectionClient(connection).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		request := &reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil || !strings.Contains(answer.String(), service) {
			t.Errorf("got %v %v, want a list with %s", answer, err, service)
		}
	})
	t.Run("v1alpha", func(t *testing.T) {
		stream, err := reflectionv1alpha.NewServerReflectionClient(connection).ServerReflectionInfo(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		request := &reflectionv1alpha.ServerReflectionRequest{MessageRequest: &reflectionv1alpha.ServerReflectionRequest_ListServices{}}
		if err := stream.Send(request); err != nil {
			t.Fatal(err)
		}
		answer, err := stream.Recv()
		if err != nil || !strings.Contains(answer.String(), service) {
			t.Errorf("got %v %v, want a list with %s", answer, err, service)
		}
	})
}

// SIGTERM with clients still connected: the server says goodbye to them and exits with 0.
func TestShutdown(t *testing.T) {
	server, err := startSandbox()
	if err != nil {
		t.Fatal(err)
	}
	watch, err := grpc_health_v1.NewHealthClient(dial(t, server)).Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := server.stop(); err != nil {
		t.Errorf("got %v, want exit code 0", err)
	}
}

// Dial connects as the SDK does: keepalive pings, also when no call is open.
func dial(t *testing.T, server *sandbox) *grpc.ClientConn {
	t.Helper()
	security := insecure.NewCredentials()
	if server.roots != nil {
		security = credentials.NewTLS(server.tlsConfig())
	}
	connection, err := grpc.NewClient(server.Address,
		grpc.WithTransportCredentials(security),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, PermitWithoutStream: true}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

func openHTTP2(t *testing.T, server *sandbox) *http2.Framer {
	t.Helper()
	connection, err := net.DialTimeout("tcp", server.Address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if server.roots != nil {
		connection = tls.Client(connection, server.tlsConfig("h2"))
	}
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := connection.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	framer := http2.NewFramer(connection, connection)
	if err := framer.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	return framer
}

func authorized(t *testing.T, token string) context.Context {
	return withAuthorization(t, []string{"Bearer " + token})
}

func withAuthorization(t *testing.T, values []string) context.Context {
	return metadata.NewOutgoingContext(t.Context(), metadata.MD{"authorization": values})
}

// CheckIssued holds an answer to what a policy without `refresh` promises: a token that works, and no refresh token.
func checkIssued(t *testing.T, server *sandbox, issued *oidc.RawToken) {
	t.Helper()
	if issued.GetRefreshToken() != "" {
		t.Error("there is a refresh token")
	}
	checkToken(t, server, issued)
}

// CheckToken holds a token to what was promised: it ends within the hour, works at GitHub, and dies when it is revoked.
func checkToken(t *testing.T, server *sandbox, issued *oidc.RawToken) {
	t.Helper()
	if left := time.Until(issued.GetExpiry().AsTime()); left <= 0 || left > time.Hour+time.Minute {
		t.Errorf("the token ends in %s, want within the hour", left)
	}
	for _, use := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/installation/repositories", 200},
		{"DELETE", "/installation/token", 204},
		{"GET", "/installation/repositories", 401},
	} {
		if got := server.callGitHub(t, use.method, use.path, issued.GetToken()); got != use.status {
			t.Errorf("%s %s: got %d, want %d", use.method, use.path, got, use.status)
		}
	}
}

// RefusedFor holds a refusal to what each must have, and returns its reason.
func refusedFor(t *testing.T, server *sandbox, err error) string {
	t.Helper()
	switch code := status.Code(err); code {
	case codes.OK, codes.Unknown, codes.Internal, codes.Unavailable, codes.DeadlineExceeded:
		t.Fatalf("got %s (%v), which no final refusal may carry", code, err) // the SDK would try again
	}
	info := detail[*errdetails.ErrorInfo](t, err)
	if info.GetDomain() != server.Domain {
		t.Errorf("ErrorInfo.domain is %q, want %q", info.GetDomain(), server.Domain)
	}
	if detail[*errdetails.RequestInfo](t, err).GetRequestId() == "" {
		t.Error("RequestInfo has no request id")
	}
	if links := detail[*errdetails.Help](t, err).GetLinks(); len(links) == 0 || !strings.Contains(links[0].GetUrl(), info.GetReason()) {
		t.Errorf("Help has %v, want a link to the reason", links)
	}
	return info.GetReason()
}

func detail[T any](t *testing.T, err error) T {
	t.Helper()
	for _, candidate := range status.Convert(err).Details() {
		if found, ok := candidate.(T); ok {
			return found
		}
	}
	var none T
	t.Fatalf("%v has no %T among its details", err, none)
	return none
}

// Flip changes the first character of a signature, so that all of its bits still decode.
func flip(signature string) string {
	if signature[0] == 'A' {
		return "B" + signature[1:]
	}
	return "A" + signature[1:]
}
