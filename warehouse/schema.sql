-- The public contract of a release (CONTRACT.md). A change here needs a line in CHANGELOG.md and a new version.
-- Data is Dutch; every table and column has a COMMENT, and every column stands in BEGRIPPEN.md.

create table gebied (
  gebiedscode    varchar primary key check (regexp_full_match(gebiedscode, 'NL\d\d|GM\d{4}|WK\d{4}[0-9A-Z]{2}|BU\d{4}[0-9A-Z]{4}|SG-[a-z0-9-]+')),
  soort          varchar not null check (soort in ('land', 'gemeente', 'wijk', 'buurt', 'samengesteld')),
  naam           varchar not null,
  gemeentecode   varchar,
  gemeentenaam   varchar,
  wijkcode       varchar,
  indeling_jaar  integer not null,
  inwoners       bigint check (inwoners >= 0),
  stedelijkheid  integer check (stedelijkheid between 1 and 5),
  geometrie      geometry,
  geometrie_jaar integer,
  check ((geometrie is null) = (geometrie_jaar is null))
);
comment on table gebied is 'Alle gebieden van de nieuwste indeling: land, gemeenten, wijken, buurten en zelf samengestelde gebieden. Sleutel: gebiedscode.';
comment on column gebied.gebiedscode is 'Code van het gebied zonder spaties, in hoofdletters: NL00, GM0748, WK074801, BU07480100, of SG- met de naam van een samengesteld gebied.';
comment on column gebied.soort is 'Soort gebied: land, gemeente, wijk, buurt of samengesteld.';
comment on column gebied.naam is 'Naam van het gebied zoals de bron die geeft.';
comment on column gebied.gemeentecode is 'Code van de gemeente waarin het gebied ligt; leeg voor het land en voor een samengesteld gebied over meer gemeenten.';
comment on column gebied.gemeentenaam is 'Naam van de gemeente waarin het gebied ligt.';
comment on column gebied.wijkcode is 'Code van de wijk waarin een buurt ligt; alleen gevuld voor wijken en buurten.';
comment on column gebied.indeling_jaar is 'Jaar van de gebiedsindeling waarin deze code geldt.';
comment on column gebied.inwoners is 'Aantal inwoners in het jaar van de indeling; leeg als de bron het niet geeft.';
comment on column gebied.stedelijkheid is 'Mate van stedelijkheid van het CBS: 1 zeer sterk stedelijk tot 5 niet stedelijk.';
comment on column gebied.geometrie is 'Grens van het gebied in EPSG:28992 (RD New), in meters; leeg als de bron geen grens geeft.';
comment on column gebied.geometrie_jaar is 'Jaar van de grens; kan ouder zijn dan de indeling.';

create table gebied_historie (
  gebiedscode   varchar not null,
  indeling_jaar integer not null,
  naam          varchar not null,
  wijziging     varchar check (wijziging in ('1', '2', '3')),
  voorganger    varchar,
  primary key (gebiedscode, indeling_jaar)
);
comment on table gebied_historie is 'Elk gebied in elke geleverde indeling, met wat er veranderde. Sleutel: gebiedscode, indeling_jaar.';
comment on column gebied_historie.gebiedscode is 'Code van het gebied in die indeling.';
comment on column gebied_historie.indeling_jaar is 'Jaar van de gebiedsindeling.';
comment on column gebied_historie.naam is 'Naam van het gebied in die indeling.';
comment on column gebied_historie.wijziging is 'Wijziging ten opzichte van het jaar ervoor volgens het CBS: 1 ongewijzigd, 2 code gewijzigd, 3 grens gewijzigd; leeg als de bron het niet geeft.';
comment on column gebied_historie.voorganger is 'Code van hetzelfde gebied in de vorige geleverde indeling; leeg als die niet vaststaat.';

create table indicator (
  indicator      varchar primary key check (regexp_full_match(indicator, '[a-z][a-z0-9_]*')),
  titel          varchar not null,
  uitleg         varchar not null,
  thema          varchar not null,
  rol            varchar not null check (rol in ('kern', 'aanvullend', 'context', 'validatie')),
  soort          varchar not null check (soort in ('telling', 'registratie', 'steekproef', 'modelschatting', 'afstand', 'score')),
  familie        varchar not null,
  eenheid        varchar not null,
  decimalen      integer not null check (decimalen between 0 and 6),
  richting       varchar not null check (richting in ('gunstig', 'ongunstig', 'neutraal')),
  bron           varchar not null,
  gebruik        varchar[] not null,
  formule        varchar not null,
  laatste_jaar   integer,
  methode_versie varchar not null
);
comment on table indicator is 'De catalogus: een rij per indicator, met betekenis en spelregels. Sleutel: indicator.';
comment on column indicator.indicator is 'Naam van de indicator, ook in waarde, trend en de pagina''s.';
comment on column indicator.titel is 'Titel in gewone woorden.';
comment on column indicator.uitleg is 'Wat het cijfer betekent, in een of twee zinnen.';
comment on column indicator.thema is 'Thema: armoede, cohesie, eenzaamheid, psychisch, veiligheid, voorzieningen, werk, kracht of context.';
comment on column indicator.rol is 'Rol: kern telt mee in de themascore; aanvullend, context en validatie nooit.';
comment on column indicator.soort is 'Hoe het cijfer ontstond: telling, registratie, steekproef, modelschatting, afstand of score.';
comment on column indicator.familie is 'Bronfamilie voor de beslisregel: inkomen, politie, omgeving, lokaal of bevolking.';
comment on column indicator.eenheid is 'Eenheid van waarde.';
comment on column indicator.decimalen is 'Aantal decimalen bij het tonen; waarde zelf is niet afgerond.';
comment on column indicator.richting is 'Wat een hogere waarde betekent: gunstig, ongunstig of neutraal.';
comment on column indicator.bron is 'Naam van de bron in de bronverklaringen.';
comment on column indicator.gebruik is 'Waar het cijfer voor gebruikt mag worden: beschrijven, vergelijken, trend, selecteren, evalueren.';
comment on column indicator.formule is 'Formule over de kolommen van de bron; een kolomnaam alleen betekent: zoals gepubliceerd.';
comment on column indicator.laatste_jaar is 'Nieuwste volledige peiljaar (minstens 80 procent van de buurten vanaf 200 inwoners), anders het nieuwste geleverde jaar; leeg als er niets geleverd is.';
comment on column indicator.methode_versie is 'Versie van de rekenmethode.';

create table waarde (
  gebiedscode     varchar not null,
  indicator       varchar not null,
  peiljaar        integer not null,
  indeling_jaar   integer,
  waarde          double,
  status          varchar not null check (status in ('ok', 'geheim', 'te_klein', 'onbekend', 'niet_geleverd', 'geen_noemer', 'niet_van_toepassing')),
  reden           varchar,
  teller          double,
  noemer          double,
  ondergrens      double,
  bovengrens      double,
  geschat         double,
  voorlopig       boolean not null,
  betrouwbaar     boolean,
  bron_tabel      varchar not null,
  bron_kolom      varchar not null,
  snapshot_sha256 varchar not null,
  check ((waarde is null) = (status <> 'ok')),
  check (waarde is null or isfinite(waarde)),
  check (ondergrens is null or bovengrens is null or ondergrens <= bovengrens),
  check (status = 'ok' or reden is not null)
);
comment on table waarde is 'Elk cijfer: gebied x indicator x peiljaar, met status en herkomst. Sleutel: gebiedscode, indicator, peiljaar.';
comment on column waarde.gebiedscode is 'Gebied van de nieuwste indeling; zie gebied.';
comment on column waarde.indicator is 'Indicator; zie indicator.';
comment on column waarde.peiljaar is 'Jaar waarover het cijfer gaat.';
comment on column waarde.indeling_jaar is 'Jaar van de gebiedsindeling waarop de bron het cijfer gaf; leeg als de bron die niet noemt.';
comment on column waarde.waarde is 'Het cijfer, niet afgerond. Leeg als status niet ok is; leeg is nooit nul.';
comment on column waarde.status is 'ok, geheim, te_klein, onbekend, niet_geleverd, geen_noemer of niet_van_toepassing.';
comment on column waarde.reden is 'Waarom er geen waarde is, of een kanttekening zoals: grens niet getoetst.';
comment on column waarde.teller is 'Teller van een verhouding.';
comment on column waarde.noemer is 'Noemer van een verhouding, of het gewicht van een gepubliceerd gemiddelde.';
comment on column waarde.ondergrens is 'Ondergrens van het 95%-interval.';
comment on column waarde.bovengrens is 'Bovengrens van het 95%-interval.';
comment on column waarde.geschat is 'Gladgestreken schatting (empirical Bayes) voor scheve verhoudingen; gebruikt voor percentielen, nooit getoond als het cijfer.';
comment on column waarde.voorlopig is 'Waar als de bron het cijfer voorlopig noemt.';
comment on column waarde.betrouwbaar is 'Waar als de standaardfout kleiner is dan 20 procent van de waarde; leeg als er geen foutmodel is.';
comment on column waarde.bron_tabel is 'Tabel of tabellen van de bron.';
comment on column waarde.bron_kolom is 'Kolom of kolommen van de bron, zoals de bron ze schrijft.';
comment on column waarde.snapshot_sha256 is 'Vingerafdruk van de gearchiveerde levering waaruit het cijfer komt.';

create table bron (
  bron       varchar not null,
  tabel      varchar not null,
  titel      varchar not null,
  uitgever   varchar not null,
  licentie   varchar not null,
  url        varchar not null,
  gewijzigd  timestamp,
  opgehaald  timestamp,
  sha256     varchar,
  rijen      bigint,
  status     varchar not null,
  primary key (bron, tabel)
);
comment on table bron is 'Elke brontabel van deze release. Sleutel: bron, tabel.';
comment on column bron.bron is 'Naam van de bron in de bronverklaringen.';
comment on column bron.tabel is 'Tabel bij de bron.';
comment on column bron.titel is 'Titel die de bron aan de tabel geeft.';
comment on column bron.uitgever is 'Wie de cijfers publiceert.';
comment on column bron.licentie is 'Licentie van de cijfers.';
comment on column bron.url is 'Adres van de tabel, als tekst.';
comment on column bron.gewijzigd is 'Wanneer de bron de tabel voor het laatst wijzigde, volgens de bron.';
comment on column bron.opgehaald is 'Wanneer deze levering is opgehaald (UTC).';
comment on column bron.sha256 is 'Vingerafdruk van de gearchiveerde levering.';
comment on column bron.rijen is 'Aantal rijen van de levering.';
comment on column bron.status is 'actueel, verouderd (de bron is sindsdien niet te lezen; deze levering is de laatste goede), niet_geleverd of vervangen (een nieuwere editie is geleverd).';

create table thema_score (
  gebiedscode varchar not null,
  thema       varchar not null,
  referentie  varchar not null check (referentie in ('nl', 'gemeente', 'stedelijkheid')),
  score       double check (score between 0 and 1),
  n_gebruikt  integer not null,
  n_totaal    integer not null,
  primary key (gebiedscode, thema, referentie),
  check (n_gebruikt between 0 and n_totaal)
);
comment on table thema_score is 'Gemiddelde van de percentielen van de kernindicatoren per thema. Sleutel: gebiedscode, thema, referentie.';
comment on column thema_score.gebiedscode is 'Gebied; zie gebied.';
comment on column thema_score.thema is 'Thema.';
comment on column thema_score.referentie is 'Waarmee is vergeleken: nl, gemeente of stedelijkheid.';
comment on column thema_score.score is 'Score van 0 tot 1; hoger is meer zorg, bij kracht: meer kracht. Leeg als er te weinig kernindicatoren zijn.';
comment on column thema_score.n_gebruikt is 'Aantal kernindicatoren met een waarde.';
comment on column thema_score.n_totaal is 'Aantal kernindicatoren van het thema.';

create table signaal (
  gebiedscode varchar not null,
  thema       varchar not null,
  niveau      varchar not null check (niveau in ('geen', 'aandacht', 'sterk', 'kracht')),
  klasse      varchar not null check (klasse in ('stevig', 'onzeker', 'niet_berekend')),
  stabiliteit double check (stabiliteit between 0 and 1),
  redenen     varchar[] not null,
  primary key (gebiedscode, thema)
);
comment on table signaal is 'Signaal per gebied en thema; alleen waar het thema een score heeft. Sleutel: gebiedscode, thema.';
comment on column signaal.gebiedscode is 'Gebied; zie gebied.';
comment on column signaal.thema is 'Thema.';
comment on column signaal.niveau is 'geen, aandacht, sterk of (bij het thema kracht) kracht.';
comment on column signaal.klasse is 'Hoe zeker het niveau is: stevig, onzeker of niet_berekend.';
comment on column signaal.stabiliteit is 'Deel van de doorrekeningen waarin het thema dit niveau of een hoger heeft; bij geen: waarin het toch een signaal heeft.';
comment on column signaal.redenen is 'Waarop het signaal rust, in woorden.';

create table integraal (
  gebiedscode   varchar primary key,
  uitkomst      varchar not null check (uitkomst in ('bespreken', 'grensgeval', 'geen_signaal', 'te_weinig_gegevens')),
  n_themas      integer not null,
  n_bronfamilies integer not null,
  stabiliteit   double check (stabiliteit between 0 and 1),
  redenen       varchar[] not null
);
comment on table integraal is 'Uitkomst van de beslisregel per gebied: een signaal, geen oordeel. Sleutel: gebiedscode.';
comment on column integraal.gebiedscode is 'Gebied; zie gebied.';
comment on column integraal.uitkomst is 'bespreken, grensgeval, geen_signaal of te_weinig_gegevens.';
comment on column integraal.n_themas is 'Aantal thema''s met een signaal op de gepubliceerde cijfers, voor de doorrekeningen.';
comment on column integraal.n_bronfamilies is 'Aantal onafhankelijke bronfamilies die deze signalen dragen.';
comment on column integraal.stabiliteit is 'Deel van de doorrekeningen waarin de beslisregel een signaal geeft, bij elke uitkomst; leeg bij te weinig gegevens.';
comment on column integraal.redenen is 'Waarom deze uitkomst, in woorden.';

create table opvallend (
  gebiedscode varchar not null,
  thema       varchar not null,
  indicator   varchar not null,
  percentiel  double check (percentiel between 0 and 1),
  klasse      varchar not null check (klasse in ('stevig', 'onzeker', 'niet_berekend')),
  stabiliteit double check (stabiliteit between 0 and 1),
  primary key (gebiedscode, indicator)
);
comment on table opvallend is 'Kernindicatoren die op zichzelf opvallen: percentiel minstens 0,90 in Nederland. Een gemiddelde verbergt zo''n piek. Sleutel: gebiedscode, indicator.';
comment on column opvallend.gebiedscode is 'Gebied; zie gebied.';
comment on column opvallend.thema is 'Thema van de indicator; hoger is meer zorg, bij kracht: meer kracht.';
comment on column opvallend.indicator is 'Kernindicator die opvalt; zie indicator.';
comment on column opvallend.percentiel is 'Plaats van 0 tot 1 tussen gebieden van dezelfde soort in Nederland, bij afstanden binnen de klasse van stedelijkheid. Leeg bij een modelschatting: die krijgt nooit een plaats.';
comment on column opvallend.klasse is 'Hoe zeker het is dat dit cijfer opvalt: stevig, onzeker of niet_berekend.';
comment on column opvallend.stabiliteit is 'Deel van de doorrekeningen waarin het percentiel minstens 0,90 is. Leeg bij een modelschatting.';

create table gevoeligheid (
  gebiedscode     varchar not null,
  thema           varchar not null,
  indicator       varchar not null,
  aandeel         double not null check (aandeel between 0 and 1),
  uitkomst_zonder varchar not null check (uitkomst_zonder in ('geen', 'aandacht', 'sterk', 'kracht', 'bespreken', 'grensgeval', 'geen_signaal', 'te_weinig_gegevens')),
  primary key (gebiedscode, thema, indicator)
);
comment on table gevoeligheid is 'Wat er verandert als een kernindicator niet meetelt; alleen rijen waar dat iets verandert. Sleutel: gebiedscode, thema, indicator.';
comment on column gevoeligheid.gebiedscode is 'Gebied; zie gebied.';
comment on column gevoeligheid.thema is 'Thema waarvan het signaal verandert, of integraal: de uitkomst van de beslisregel.';
comment on column gevoeligheid.indicator is 'Kernindicator die niet meetelt; zie indicator.';
comment on column gevoeligheid.aandeel is 'Deel van de doorrekeningen waarin het signaal of de uitkomst verandert zonder deze indicator.';
comment on column gevoeligheid.uitkomst_zonder is 'Niveau (zie signaal) of uitkomst (zie integraal) zonder deze indicator, met dezelfde grenzen.';

create table buur (
  gebiedscode varchar not null,
  buurcode    varchar not null,
  basis       varchar not null check (basis in ('samenstelling')),
  rang        integer not null,
  afstand     double not null,
  primary key (gebiedscode, basis, rang)
);
comment on table buur is 'De tien gebieden van dezelfde soort die op samenstelling het meest op een gebied lijken. Geen rij als een onderdeel ontbreekt. Sleutel: gebiedscode, basis, rang.';
comment on column buur.gebiedscode is 'Gebied; zie gebied.';
comment on column buur.buurcode is 'Gebied dat erop lijkt.';
comment on column buur.basis is 'Waarop de gelijkenis rust: samenstelling, nooit uitkomsten.';
comment on column buur.rang is 'Volgorde van gelijkenis, 1 is het meest gelijk.';
comment on column buur.afstand is 'Afstand in samenstelling, zonder eenheid.';

create table cluster (
  cluster     varchar not null,
  gebiedscode varchar not null,
  thema       varchar not null,
  p_waarde    double not null check (p_waarde between 0 and 1),
  primary key (cluster, gebiedscode, thema)
);
comment on table cluster is 'Aangrenzende buurten die samen opvallen: hoog te midden van hoog, na toetsing. Alleen thema''s zonder modelschattingen en scores van anderen. Sleutel: cluster, gebiedscode, thema.';
comment on column cluster.cluster is 'Naam van de groep: het thema en de eerste code van de groep.';
comment on column cluster.gebiedscode is 'Gebied in de groep.';
comment on column cluster.thema is 'Thema waarop de groep rust.';
comment on column cluster.p_waarde is 'Toetsuitkomst van dit gebied (tweezijdig) na correctie voor meervoudig toetsen: hoe vaak toeval alleen dit gaf. Hoogstens 0,05.';

create table doelgroep (
  gebiedscode  varchar not null,
  doelgroep    varchar not null,
  peiljaar     integer not null,
  eenheid      varchar not null check (eenheid in ('personen', 'huishoudens')),
  aantal       bigint check (aantal >= 0),
  ondergrens   bigint check (ondergrens >= 0),
  bovengrens   bigint,
  status       varchar not null check (status in ('ok', 'geheim', 'te_klein', 'onbekend', 'niet_geleverd', 'geen_noemer', 'niet_van_toepassing')),
  reden        varchar,
  basis        varchar not null,
  basis_aantal bigint,
  primary key (gebiedscode, doelgroep),
  check ((aantal is null) = (status <> 'ok')),
  check (status = 'ok' or reden is not null),
  check (ondergrens is null or bovengrens is null or ondergrens <= bovengrens)
);
comment on table doelgroep is 'Hoeveel mensen of huishoudens het aangaat: gebied x doelgroep, in het laatste jaar van het cijfer. Sleutel: gebiedscode, doelgroep.';
comment on column doelgroep.gebiedscode is 'Gebied; zie gebied.';
comment on column doelgroep.doelgroep is 'Doelgroep, zoals verklaard in transforms/doelgroepen.yaml.';
comment on column doelgroep.peiljaar is 'Jaar waarover het aantal gaat.';
comment on column doelgroep.eenheid is 'personen of huishoudens.';
comment on column doelgroep.aantal is 'Aantal: zoals de bron het telde, of een aandeel maal de basis en dan afgerond. Leeg als status niet ok is; leeg is nooit nul.';
comment on column doelgroep.ondergrens is 'Ondergrens van het aantal, naar beneden afgerond; leeg als het cijfer geen marge heeft.';
comment on column doelgroep.bovengrens is 'Bovengrens van het aantal, naar boven afgerond; leeg als het cijfer geen marge heeft.';
comment on column doelgroep.status is 'Status van het cijfer waarop het aantal rust; zie waarde.status.';
comment on column doelgroep.reden is 'Waarom er geen aantal is.';
comment on column doelgroep.basis is 'Waarvan de doelgroep een deel is, in woorden.';
comment on column doelgroep.basis_aantal is 'Hoeveel mensen of huishoudens de basis telt.';

create table doelgroep_buiten (
  gemeentecode   varchar not null,
  doelgroep      varchar not null,
  peiljaar       integer not null,
  keuze          varchar not null,
  n_gebieden     integer not null,
  aandeel_buiten double check (aandeel_buiten between 0 and 1),
  status         varchar not null check (status in ('ok', 'onbekend', 'geen_noemer', 'niet_van_toepassing')),
  reden          varchar,
  primary key (gemeentecode, doelgroep, keuze),
  check ((aandeel_buiten is null) = (status <> 'ok')),
  check (status = 'ok' or reden is not null)
);
comment on table doelgroep_buiten is 'Wie mis je: welk deel van een doelgroep van de gemeente buiten de gekozen buurten woont. Sleutel: gemeentecode, doelgroep, keuze.';
comment on column doelgroep_buiten.gemeentecode is 'Gemeente; zie gebied.';
comment on column doelgroep_buiten.doelgroep is 'Doelgroep; zie doelgroep.';
comment on column doelgroep_buiten.peiljaar is 'Jaar waarover het aandeel gaat.';
comment on column doelgroep_buiten.keuze is 'Welke buurten gekozen zijn: uitkomst (die met uitkomst bespreken of grensgeval), of de code van een samengesteld gebied.';
comment on column doelgroep_buiten.n_gebieden is 'Aantal gekozen buurten in de gemeente.';
comment on column doelgroep_buiten.aandeel_buiten is 'Deel van de doelgroep in de buurten van de gemeente dat buiten de gekozen buurten woont, 0 tot en met 1.';
comment on column doelgroep_buiten.status is 'ok, onbekend, geen_noemer of niet_van_toepassing.';
comment on column doelgroep_buiten.reden is 'Waarom er geen aandeel is.';

create table trend (
  gebiedscode varchar not null,
  indicator   varchar not null,
  van         integer not null,
  tot         integer not null,
  verschil    double,
  uitkomst    varchar not null check (uitkomst in ('stijgt', 'daalt', 'geen_aantoonbare_verandering', 'niet_toetsbaar')),
  reden       varchar,
  primary key (gebiedscode, indicator, van, tot)
);
comment on table trend is 'Getoetste verandering tussen twee jaren: de eerste en de laatste van de reeks, de laatste twee, en een trend over de laatste vijf. Alleen voor cijfers met gebruik trend en minstens twee jaren met een waarde. Sleutel: gebiedscode, indicator, van, tot.';
comment on column trend.gebiedscode is 'Gebied; zie gebied.';
comment on column trend.indicator is 'Indicator; zie indicator.';
comment on column trend.van is 'Eerste peiljaar.';
comment on column trend.tot is 'Laatste peiljaar.';
comment on column trend.verschil is 'Waarde in het laatste jaar min waarde in het eerste jaar; leeg als de grens tussen die jaren niet is getoetst.';
comment on column trend.uitkomst is 'stijgt, daalt, geen_aantoonbare_verandering of niet_toetsbaar.';
comment on column trend.reden is 'Waarom deze uitkomst, met de getallen van de toets: twee jaren (verschil en kritisch verschil) of vijf jaren (helling en chi-kwadraat).';

create table weigering (
  indicator varchar not null,
  gebruik   varchar not null check (gebruik in ('beschrijven', 'vergelijken', 'trend', 'selecteren', 'evalueren')),
  oordeel   varchar not null check (oordeel in ('toegestaan', 'met_kanttekening', 'geweigerd')),
  reden     varchar,
  primary key (indicator, gebruik),
  check (oordeel = 'toegestaan' or reden is not null)
);
comment on table weigering is 'Waarvoor een cijfer gebruikt mag worden, en waarom niet: elke indicator met elk van de vijf vormen van gebruik. Sleutel: indicator, gebruik.';
comment on column weigering.indicator is 'Indicator; zie indicator.';
comment on column weigering.gebruik is 'beschrijven, vergelijken, trend, selecteren of evalueren.';
comment on column weigering.oordeel is 'toegestaan, met_kanttekening of geweigerd.';
comment on column weigering.reden is 'Waarom het geweigerd is, of onder welke voorwaarde het mag; leeg als er niets bij te zeggen is.';

create table drempel (
  soort   varchar not null check (soort in ('gemeente', 'wijk', 'buurt')),
  thema   varchar not null,
  niveau  varchar not null check (niveau in ('aandacht', 'sterk', 'kracht')),
  grens   double not null check (grens between 0 and 1),
  release varchar not null,
  primary key (soort, thema, niveau)
);
comment on table drempel is 'Grenswaarden van de themascore voor een signaal. Sleutel: soort, thema, niveau.';
comment on column drempel.soort is 'Soort gebied waarvoor de grens geldt.';
comment on column drempel.thema is 'Thema.';
comment on column drempel.niveau is 'Niveau dat vanaf deze grens geldt.';
comment on column drempel.grens is 'Score vanaf welke het niveau geldt.';
comment on column drempel.release is 'Release die de grens berekende; latere releases nemen haar over.';

create table lijst (
  lijst      varchar primary key check (regexp_full_match(lijst, '[a-z0-9]+(-[a-z0-9]+)*')),
  titel      varchar not null,
  bron       varchar not null,
  jaar       integer,
  n_gebieden integer check (n_gebieden >= 0),
  reden      varchar,
  check (n_gebieden is not null or reden is not null)
);
comment on table lijst is 'Lijsten van anderen waar onze uitkomst naast ligt: aangeleverde lijsten, en maten van andere uitgevers (het laagste vijfde deel). Sleutel: lijst.';
comment on column lijst.lijst is 'Naam van de lijst.';
comment on column lijst.titel is 'Titel in gewone woorden.';
comment on column lijst.bron is 'Wie de lijst maakte, of wie de maat publiceert.';
comment on column lijst.jaar is 'Jaar van de lijst of van de maat; leeg als er geen cijfers zijn.';
comment on column lijst.n_gebieden is 'Aantal gebieden van deze release op de lijst; leeg als er niet mee is vergeleken.';
comment on column lijst.reden is 'Waarom er niet is vergeleken, of een kanttekening bij de lijst.';

create table lijstvergelijking (
  gebiedscode varchar not null,
  lijst       varchar not null,
  in_lijst    boolean,
  uitkomst    varchar not null check (uitkomst in ('bespreken', 'grensgeval', 'geen_signaal', 'te_weinig_gegevens')),
  oordeel     varchar not null check (oordeel in ('beide', 'alleen_lijst', 'alleen_wij', 'geen_van_beide', 'niet_te_vergelijken')),
  indicator   varchar check (indicator is null or oordeel in ('alleen_lijst', 'alleen_wij')),
  reden       varchar not null,
  primary key (gebiedscode, lijst),
  check (in_lijst is not null or oordeel = 'niet_te_vergelijken')
);
comment on table lijstvergelijking is 'Onze uitkomst naast elke lijst, voor de gebieden waar de lijst over gaat. Sleutel: gebiedscode, lijst.';
comment on column lijstvergelijking.gebiedscode is 'Gebied; zie gebied.';
comment on column lijstvergelijking.lijst is 'Lijst; zie lijst.';
comment on column lijstvergelijking.in_lijst is 'Waar als het gebied op de lijst staat; leeg als de lijst over dit gebied niets zegt.';
comment on column lijstvergelijking.uitkomst is 'Onze uitkomst; zie integraal. Bij bespreken en grensgeval is aan de beslisregel voldaan.';
comment on column lijstvergelijking.oordeel is 'beide, alleen_lijst, alleen_wij, geen_van_beide of niet_te_vergelijken.';
comment on column lijstvergelijking.indicator is 'Het kerncijfer zonder welk onze uitkomst gelijk zou zijn aan de lijst; leeg als er geen is of als er geen verschil is.';
comment on column lijstvergelijking.reden is 'Het oordeel in woorden.';

create table correctie (
  correctie      varchar not null,
  gebiedscode    varchar not null,
  bron           varchar not null,
  tabel          varchar not null,
  kolom          varchar not null,
  peiljaar       integer not null,
  oude_waarde    double not null,
  nieuwe_waarde  double,
  nieuwe_status  varchar not null check (nieuwe_status in ('ok', 'geheim', 'te_klein', 'onbekend', 'niet_geleverd', 'geen_noemer', 'niet_van_toepassing')),
  reden          varchar not null,
  primary key (correctie, gebiedscode, peiljaar),
  check ((nieuwe_waarde is null) = (nieuwe_status <> 'ok'))
);
comment on table correctie is 'Elke cel van een bron die wij verbeterden omdat de bron een bekende fout bevat (sources/correcties.yaml). Een samengesteld gebied staat er bij als een van zijn buurten is verbeterd. Sleutel: correctie, gebiedscode, peiljaar.';
comment on column correctie.correctie is 'Naam van de correctie.';
comment on column correctie.gebiedscode is 'Gebied; zie gebied. De code in de bron waar die niet bij een gebied van de nieuwste indeling hoort.';
comment on column correctie.bron is 'Naam van de bron in de bronverklaringen.';
comment on column correctie.tabel is 'Tabel bij de bron.';
comment on column correctie.kolom is 'Kolom of kolommen, zoals de bron ze schrijft; zie waarde.bron_kolom.';
comment on column correctie.peiljaar is 'Jaar waarover de cel gaat.';
comment on column correctie.oude_waarde is 'Wat de bron leverde.';
comment on column correctie.nieuwe_waarde is 'Wat er nu staat; leeg als nieuwe_status niet ok is.';
comment on column correctie.nieuwe_status is 'Status van de verbeterde cel; zie waarde.status.';
comment on column correctie.reden is 'Waarom de cel is verbeterd, en waar dat uit blijkt.';

create table wijziging (
  gebiedscode   varchar not null,
  indicator     varchar not null,
  peiljaar      integer not null,
  soort         varchar not null check (soort in ('nieuw', 'herzien', 'ingetrokken')),
  oorzaak       varchar not null check (oorzaak in ('nieuw jaar', 'grens', 'correctie', 'partner', 'bronrevisie', 'methode', 'onverklaard')),
  oude_waarde   double,
  nieuwe_waarde double,
  oude_status   varchar,
  nieuwe_status varchar,
  primary key (gebiedscode, indicator, peiljaar),
  check (soort <> 'nieuw' or (oude_waarde is null and nieuwe_waarde is not null)),
  check (soort <> 'ingetrokken' or (oude_waarde is not null and nieuwe_waarde is null))
);
comment on table wijziging is 'Elk cijfer dat anders is dan in de vorige editie (release.vorige), met de oorzaak. Leeg in de eerste editie. Sleutel: gebiedscode, indicator, peiljaar.';
comment on column wijziging.gebiedscode is 'Gebied; zie gebied. Een gebied dat er niet meer is, houdt hier zijn oude code.';
comment on column wijziging.indicator is 'Indicator; zie indicator.';
comment on column wijziging.peiljaar is 'Jaar waarover het cijfer gaat.';
comment on column wijziging.soort is 'nieuw (er was geen waarde), herzien (een andere waarde, of om een andere reden geen waarde) of ingetrokken (er is geen waarde meer).';
comment on column wijziging.oorzaak is 'De eerste die van toepassing is: nieuw jaar, grens, correctie, partner, bronrevisie of methode; onverklaard als geen ervan het verschil verklaart.';
comment on column wijziging.oude_waarde is 'Waarde in de vorige editie.';
comment on column wijziging.nieuwe_waarde is 'Waarde in deze editie; dezelfde als in waarde.';
comment on column wijziging.oude_status is 'Status in de vorige editie (zie waarde.status); leeg als er geen rij was.';
comment on column wijziging.nieuwe_status is 'Status in deze editie (zie waarde.status); leeg als er geen rij meer is.';

create table controle (
  controle    varchar primary key,
  bron        varchar not null,
  onderwerp   varchar not null,
  ernst       varchar not null check (ernst in ('fout', 'waarschuwing')),
  geslaagd    boolean not null,
  aantal      bigint not null,
  toelichting varchar not null
);
comment on table controle is 'Elke controle die voor publicatie is uitgevoerd. Sleutel: controle.';
comment on column controle.controle is 'Naam van de controle.';
comment on column controle.bron is 'Bron of tabel waarover de controle gaat.';
comment on column controle.onderwerp is 'Kolom, indicator of sleutel waarover de controle gaat.';
comment on column controle.ernst is 'fout houdt publicatie tegen; waarschuwing staat op de releasepagina.';
comment on column controle.geslaagd is 'Waar als de controle is geslaagd.';
comment on column controle.aantal is 'Aantal rijen dat niet voldoet.';
comment on column controle.toelichting is 'Wat is gecontroleerd en wat is gevonden.';

create table release (
  release        varchar primary key,
  gemaakt_op     timestamp not null,
  methode_versie varchar not null,
  code_versie    varchar not null,
  voorbeeld      boolean not null,
  vorige         varchar,
  vorige_gemaakt_op timestamp,
  check ((vorige is null) = (vorige_gemaakt_op is null))
);
comment on table release is 'Deze release: een rij. Sleutel: release.';
comment on column release.release is 'Naam van de release, afgeleid van de invoer.';
comment on column release.gemaakt_op is 'Tijdstip van de nieuwste invoer volgens de bronnen; dezelfde invoer geeft dezelfde release.';
comment on column release.methode_versie is 'Versie van de rekenmethode.';
comment on column release.code_versie is 'Versie van de programmatuur en de verklaringen.';
comment on column release.voorbeeld is 'Waar als de cijfers verzonnen zijn (het meegeleverde voorbeeld).';
comment on column release.vorige is 'De editie waarmee deze is vergeleken (zie wijziging); leeg bij de eerste editie.';
comment on column release.vorige_gemaakt_op is 'Tijdstip van de nieuwste invoer van die vorige editie.';

create view laatste_waarde as
select w.*
from waarde as w
join indicator as i
  on i.indicator = w.indicator
  and i.laatste_jaar = w.peiljaar;
comment on view laatste_waarde is 'De rij van elk gebied en elke indicator in het laatste jaar van die indicator, ook als er geen waarde is.';
create view waarde_vergelijken as
select w.*
from waarde as w
join weigering as g
  on g.indicator = w.indicator
  and g.gebruik = 'vergelijken'
where g.oordeel <> 'geweigerd'
  and w.status = 'ok';
comment on view waarde_vergelijken is 'De rijen van waarde die naast andere gebieden gelegd mogen worden; de voorwaarde staat in weigering. Modelschattingen alleen met hun marge, nooit op volgorde.';

create view waarde_trend as
select w.*
from waarde as w
join weigering as g
  on g.indicator = w.indicator
  and g.gebruik = 'trend'
where g.oordeel <> 'geweigerd'
  and w.status = 'ok'
  and w.reden is null;
comment on view waarde_trend is 'De rijen van waarde die met andere jaren vergeleken mogen worden: geen modelschatting, en geen cijfer met een kanttekening zoals: grens niet getoetst, of herverdeeld.';

create view waarde_selecteren as
select w.*
from waarde as w
join weigering as g
  on g.indicator = w.indicator
  and g.gebruik = 'selecteren'
join indicator as i
  on i.indicator = w.indicator
where g.oordeel <> 'geweigerd'
  and w.status = 'ok'
  and i.soort not in ('modelschatting', 'score');
comment on view waarde_selecteren is 'De rijen van waarde die op zichzelf mogen helpen kiezen. Een modelschatting telt alleen mee in een themascore en een score van een ander alleen ter vergelijking; die staan hier niet.';

create view waarde_evalueren as
select w.*
from waarde as w
join weigering as g
  on g.indicator = w.indicator
  and g.gebruik = 'evalueren'
where g.oordeel <> 'geweigerd'
  and w.status = 'ok'
  and w.reden is null
  and w.betrouwbaar is distinct from false;
comment on view waarde_evalueren is 'De rijen van waarde waarmee een aanpak gevolgd mag worden, naast vergelijkingsbuurten; zie weigering voor de voorwaarden.';
-- The view profiel (one wide row per gebied) is generated from the catalogue by beeld.warehouse.build.
