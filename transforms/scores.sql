-- Theme scores: mid-rank percentiles of the core indicators and their mean (METHOD.md sections 4 and 5).
-- In: gebied, indicator, waarde, werk.kern (indicator, thema, teken, percentiel). Out: werk.toen, werk.percentiel, thema_score.
-- Buurten and wijken from $mensen inhabitants among each other, gemeenten among gemeenten. Higher is more concern (teken
-- turns figures where higher is better); for the theme of strengths higher is more strength. A figure of an older year counts only
-- where the area had so many inhabitants in that year too, as far as that is known.

create or replace table werk.deelnemer as
select gebiedscode, soort, gemeentecode, stedelijkheid
from gebied
where soort = 'gemeente'
  or (soort in ('wijk', 'buurt') and inwoners >= $mensen);

create or replace table werk.toen as
select d.gebiedscode, w.indicator, w.peiljaar
from werk.kern as k
join laatste_waarde as w using (indicator)
join werk.deelnemer as d using (gebiedscode)
join waarde as n on n.gebiedscode = w.gebiedscode and n.peiljaar = w.peiljaar and n.indicator = 'aantal_inwoners'
where d.soort <> 'gemeente' and w.waarde is not null and n.waarde < $mensen;

create or replace table werk.cel as
select w.gebiedscode, d.soort, d.gemeentecode, d.stedelijkheid, k.indicator, k.thema, k.percentiel,
  k.teken * coalesce(w.geschat, w.waarde) as x
from werk.kern as k
join laatste_waarde as w using (indicator)
join werk.deelnemer as d using (gebiedscode)
anti join werk.toen as t on t.gebiedscode = w.gebiedscode and t.indicator = w.indicator
where w.waarde is not null;

create or replace table werk.percentiel as
with gerefereerd as (
  select 'nl' as referentie, soort || case when percentiel = 'stedelijkheid' then '/' || stedelijkheid else '' end as groep, *
  from werk.cel
  where percentiel <> 'stedelijkheid' or stedelijkheid is not null
  union all
  select 'gemeente', soort || '/' || gemeentecode || case when percentiel = 'stedelijkheid' then '/' || stedelijkheid else '' end, *
  from werk.cel
  where soort <> 'gemeente' and (percentiel <> 'stedelijkheid' or stedelijkheid is not null)
  union all
  select 'stedelijkheid', soort || '/' || stedelijkheid, *
  from werk.cel
  where stedelijkheid is not null)
select referentie, gebiedscode, soort, gemeentecode, indicator, thema,
  (rank() over (partition by referentie, indicator, groep order by x)
    + (count(*) over (partition by referentie, indicator, groep, x) - 1) / 2.0
    - 0.5) / count(*) over (partition by referentie, indicator, groep) as p
from gerefereerd;

insert into thema_score
with totaal as (
  select thema, count(*) as n_totaal
  from werk.kern
  group by thema),
gemiddeld as (
  select gebiedscode, thema, referentie, avg(p::decimal(18, 15)) as gemiddelde, count(*) as n_gebruikt
  from werk.percentiel
  group by gebiedscode, thema, referentie),
raster as (
  select d.gebiedscode, t.thema, t.n_totaal, r.referentie
  from werk.deelnemer as d
  cross join totaal as t
  cross join (values ('nl'), ('gemeente'), ('stedelijkheid')) as r (referentie)
  where r.referentie <> 'gemeente' or d.soort <> 'gemeente')
select r.gebiedscode, r.thema, r.referentie,
  case when g.n_gebruikt >= $deel * r.n_totaal and (g.n_gebruikt >= 2 or r.n_totaal = 1) then g.gemiddelde end,
  coalesce(g.n_gebruikt, 0),
  r.n_totaal
from raster as r
left join gemiddeld as g using (gebiedscode, thema, referentie)
order by r.gebiedscode, r.thema, r.referentie;
